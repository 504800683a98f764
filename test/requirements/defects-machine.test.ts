/** Defects of the founding series in how it runs: blocking, framing, ownership, secrets, codes, repeats. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { connect as dial, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { apis, errorCodes } from '@polylog/wire'
import { connect } from '@polylog/client'
import { Cluster, setPassword } from '@polylog/client/admin'
import { startBroker } from '../../packages/broker/src/mod.ts'
import type { Broker, Logger } from '../../packages/broker/src/mod.ts'
import { CertificateFolder } from '../certificates/certificate-folder.ts'
import { until } from '../system/wait.ts'
import { requirement } from './requirement.ts'
import { Alone } from './world/alone.ts'
import { queueSettings, setGroup, take, takeDone, textOf, texts } from './world/queues.ts'
import { numbered, readAll } from './world/records.ts'

const hourMs = 3_600_000
const endless = (): Promise<void> => new Promise(() => undefined)
const inOne = { partitionCount: 1 }

// Fails if a consumer that never answers holds up another topic or group, or is dealt more than its credit.
requirement('D16', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'slow', ...inOne }, { name: 'fast', ...inOne })
  const client = await alone.sdk()
  const stuck = await client.consume({ group: 'g', topic: 'slow', prefetch: 4 }, endless)
  const producer = client.producer()
  await producer.sendBatch('slow', numbered('slow', 500))
  await until('it is stuck', () => stuck.counts.received > 0)
  await producer.sendBatch('fast', numbered('fast', 500))
  const fast = await client.consumer('g').topic('fast').open()
  const slow = await client.consumer('other').topic('slow').open()
  deepEqual(texts(await takeDone(fast, 500)), numbered('fast', 500))
  deepEqual(texts(await takeDone(slow, 500)), numbered('slow', 500))
  ok(stuck.counts.received <= 4, `${stuck.counts.received}`)
  await stuck.close({ timeoutMs: 0 })
})

// Fails if heartbeats, renewals or other calls of a client wait for a handler that runs.
requirement('D17', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', ...inOne })
  await setGroup(alone.client(), 'g', { 'share.session.timeout.ms': '3000', 'share.heartbeat.interval.ms': '500' })
  const client = await alone.sdk()
  const finish = Promise.withResolvers<void>()
  const producer = client.producer()
  await producer.send('jobs', 'long')
  const consumer = await client.consume({ group: 'g', topic: 'jobs', lockMs: 3000 }, () => finish.promise)
  await until('the handler runs', () => consumer.counts.received > 0)
  const beats = (): Promise<number> => alone.node.metric('polylog_kafka_requests_total', 'api="ShareGroupHeartbeat"')
  const enough = (await beats()) + 8
  await until('it has outlived session and lock', async () => (await beats()) >= enough)
  await producer.send('jobs', 'meanwhile')
  finish.resolve()
  await until('both are accepted', () => consumer.counts.accepted >= 2)
  deepEqual([consumer.counts.lost, consumer.counts.received], [0, 2])
})

// Fails if closing waits for its limit, an hour here, because of heartbeats and one-way messages, or takes no words any more
// of a handler that still runs.
requirement('D18', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', ...inOne }, 'log')
  await setGroup(alone.client(), 'g', { 'share.heartbeat.interval.ms': '500' })
  const client = await alone.sdk()
  const own = (await alone.sdk()).producer()
  const producer = client.producer()
  const finish = Promise.withResolvers<void>()
  const consumer = await client.consume({ group: 'g', topic: 'jobs', lockMs: hourMs }, async (message) => {
    await finish.promise
    await own.send('log', `of ${textOf(message)}`)
  })
  producer.sendOneWay('jobs', 'first')
  await until('the handler runs', () => consumer.counts.received === 1)
  const beats = (): Promise<number> => alone.node.metric('polylog_kafka_requests_total', 'api="ShareGroupHeartbeat"')
  const enough = (await beats()) + 3
  await until('there were heartbeats', async () => (await beats()) >= enough)
  const closing = client.close({ timeoutMs: hourMs })
  finish.resolve()
  await closing
  equal(consumer.counts.accepted, 1)
  await own.send('jobs', 'second')
  const next = await alone.sdk()
  deepEqual(texts(await takeDone(await next.openQueue({ group: 'g', topic: 'jobs' }), 1)), ['second'])
  deepEqual(texts(await takeDone(await next.consumer('readers').topic('log').open(), 1)), ['of first'])
})

// Fails if some byte, the old delimiter or a size beyond 64 KiB does not come out as it went in.
requirement('D19', async () => {
  await using alone = await Alone.start({ ...queueSettings, journalFileBytes: 16 << 20, messageBytesMax: 8 << 20 })
  await alone.topics({ name: 'blobs', ...inOne })
  const client = await alone.sdk()
  const producer = client.producer({ batchBytesMax: 6 << 20 })
  const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  const large = Buffer.alloc(5 << 20, every)
  const delimiter = Buffer.from('a~!@#$%^&*b~!@#$%^&*')
  const sent = [every, delimiter, Buffer.alloc(0), Buffer.from([0xff, 0xfe, 0x00, 0x80]), large]
  for (const value of sent) await producer.send('blobs', { value, key: value.subarray(0, 100) })
  const queue = await client.consumer('readers').topic('blobs').open()
  const received = (await takeDone(queue, sent.length)).toSorted((a, b) => a.offset - b.offset)
  for (const [index, { key, value }] of received.entries()) {
    ok(sent[index]!.equals(value!), `message ${index}`)
    ok(sent[index]!.subarray(0, 100).equals(key!), `key ${index}`)
  }
})

// Fails if a message that comes before anybody looks counts as done.
requirement('D20', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', ...inOne })
  const client = await alone.sdk()
  const producer = client.producer()
  const queue = await client.consumer('g').topic('jobs').open()
  await producer.sendBatch('jobs', numbered('job', 5))
  const nobody = client.consume({ group: 'g', topic: 'jobs' }, undefined as never)
  nobody.then((consumer) => consumer.close()).catch(() => undefined)
  deepEqual(texts(await takeDone(queue, 5)), numbered('job', 5))
})

// Fails if sending and pulling at the same time, from many sides, loses, repeats or breaks something.
requirement('D21', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', ...inOne })
  const count = 4
  const seen: string[] = []
  for (let i = 0; i < count; i++) {
    const client = await alone.sdk()
    await client.consume({ group: 'g', topic: 'jobs', concurrency: 4 }, (message) => void seen.push(textOf(message)))
  }
  const sides = Array.from({ length: count }, async (_, side) => {
    const producer = (await alone.sdk()).producer()
    for (let from = 0; from < 500; from += 50) await producer.sendBatch('jobs', numbered(`side ${side}`, 50, from))
  })
  await Promise.all(sides)
  await until('all have come', () => seen.length >= 500 * count)
  const expected = [0, 1, 2, 3].flatMap((side) => numbered(`side ${side}`, 500))
  deepEqual(seen.toSorted(), expected)
})

/** Says something of offset 0 as a member of its own; returns the names of the errors of request and partition. */
async function say(cluster: Cluster, topicId: string, memberId: string, type: number): Promise<string[]> {
  const partition = { partitionIndex: 0, acknowledgementBatches: [] as object[] }
  const empty = { topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches: [] }] }
  const limits = { maxWaitMs: 0, minBytes: 0, maxBytes: 1, maxRecords: 1, batchSize: 1, forgottenTopicsData: [] }
  const lane = { lane: memberId }
  const whose = { groupId: 'g', memberId }
  await cluster.broker(1, apis[78], { ...whose, ...limits, shareSessionEpoch: 0, topics: [empty] }, lane)
  const acknowledgementBatches = [{ firstOffset: 0, lastOffset: 0, acknowledgeTypes: [type] }]
  const topics = [{ topicId, partitions: [{ ...partition, acknowledgementBatches }] }]
  const answer = await cluster.broker(1, apis[79], { ...whose, shareSessionEpoch: 1, topics }, lane)
  const codes = [
    answer.errorCode,
    ...answer.responses.flatMap(({ partitions }) => partitions.map((one) => one.errorCode)),
  ]
  const names = Object.entries(errorCodes)
  return codes.filter((code) => code !== 0).map((code) => names.find(([, known]) => known.code === code)![0])
}

// Fails if somebody who does not hold a message can settle it, or if an unknown status is taken.
requirement('D22', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', ...inOne })
  const client = await alone.sdk()
  await client.producer().send('jobs', 'mine')
  const [mine] = await take(await client.openQueue({ group: 'g', topic: 'jobs', lockMs: hourMs }), 1)
  const cluster = alone.client()
  const { id } = (await cluster.describe(['jobs'])).topics[0]!
  deepEqual(await say(cluster, id, 'AAAAAAAAAAAAAAAAAAAAAQ', 1), ['INVALID_RECORD_STATE'])
  deepEqual(await say(cluster, id, 'AAAAAAAAAAAAAAAAAAAAAw', 9), ['INVALID_REQUEST'])
  await mine!.accept()
})

interface Overheard {
  readonly text: () => string
  readonly address: string
  readonly close: () => void
}

/** A middleman that writes down what clients send to the broker. */
async function overhear({ kafka }: Broker): Promise<Overheard> {
  const heard: Buffer[] = []
  const server = createServer((socket) => {
    const upstream = dial(kafka.port, kafka.host)
    socket.on('data', (chunk: Buffer) => heard.push(chunk)).on('error', () => upstream.destroy())
    upstream.on('error', () => socket.destroy())
    socket.pipe(upstream).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { text: () => Buffer.concat(heard).toString('latin1'), address, close: () => server.close() }
}

/** A logger that keeps every line, of every level. */
function listener(): { logger: Logger; lines: string[] } {
  const lines: string[] = []
  const keep = (event: string, fields?: object): void => void lines.push(`${event} ${JSON.stringify(fields ?? {})}`)
  return { logger: { debug: keep, info: keep, warn: keep, error: keep }, lines }
}

// Fails if a password shows up in a log line, in the data or, with SCRAM, on the wire; if a broker that asks for a login lets
// anybody in; or if one without logins opens itself to the network.
requirement('D23', async () => {
  using folder = new CertificateFolder()
  const secrets = { root: 'root-secret-x9', ann: 'ann-secret-x9', wrong: 'wrong-secret-x9' }
  const { logger, lines } = listener()
  await using broker = await startBroker({
    ...queueSettings,
    logger,
    saslMechanisms: ['SCRAM-SHA-256', 'PLAIN'],
    bootstrapUser: 'root',
    bootstrapPasswordFile: folder.put('password', `${secrets.root}\n`),
    dataDirectory: folder.put('mark', '').replace(/mark$/, 'data'),
  })
  const wire = await overhear(broker)
  const cluster = new Cluster({ brokers: wire.address, credentials: { user: 'root', password: secrets.root } })
  await setPassword(cluster, { user: 'ann', password: secrets.ann })
  await cluster.close()
  const brokers = `127.0.0.1:${broker.kafka.port}`
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256'] as const) {
    await using client = await connect({ brokers, credentials: { user: 'ann', password: secrets.ann, mechanism } })
    await client.producer().send('jobs', 'hello')
    const wrong = { user: 'ann', password: secrets.wrong, mechanism }
    await rejects(connect({ brokers, credentials: wrong }), (error: Error) => !error.message.includes('secret-x9'))
  }
  await rejects(connect({ brokers, requestTimeoutMs: 3000 }))
  wire.close()
  ok(wire.text().includes('SCRAM-SHA-256') && !wire.text().includes('secret-x9'), 'a password was on the wire')
  ok(lines.some((line) => line.includes('logged in')))
  deepEqual(
    lines.filter((line) => line.includes('secret-x9')),
    [],
  )
  await rejects(startBroker({ kafkaAddress: { host: '0.0.0.0', port: 0 } }), /allow\.anonymous\.network/)
})

// Fails if two errors share a code, or if the contents of a message get into the log.
requirement('D24', async () => {
  const codes = Object.values(errorCodes).map(({ code }) => code)
  equal(new Set(codes).size, codes.length)
  const { logger, lines } = listener()
  await using broker = await startBroker({ ...queueSettings, logger })
  await using client = await connect({ brokers: `127.0.0.1:${broker.kafka.port}` })
  await client.producer().send('jobs', { value: 'contents-x9', key: 'key-x9', headers: { header: 'header-x9' } })
  const [message] = await take(await client.consumer('g').topic('jobs').open(), 1)
  await message!.reject('reason')
  await client.close()
  ok(lines.length > 0)
  deepEqual(
    lines.filter((line) => line.includes('-x9')),
    [],
  )
})

const packages = new URL('../../packages/', import.meta.url)

// Fails if a dependency is added without this line being read, or if garbage on the port disturbs others.
requirement('D25', async () => {
  const names = readdirSync(packages).flatMap((folder) => {
    const text = readFileSync(new URL(`${folder}/package.json`, packages), 'utf8')
    return Object.keys((JSON.parse(text) as { dependencies?: object }).dependencies ?? {})
  })
  const foreign = [...new Set(names)].filter((name) => !name.startsWith('@polylog/')).toSorted()
  // None of them parses what comes in from the network, but the codecs of compressed batches.
  deepEqual(foreign, ['@node-rs/crc32', 'lz4-napi', 're2js', 'snappy', 'yaml'])
  await using broker = await startBroker(queueSettings)
  const json = '{"@type":"com.sun.rowset.JdbcRowSetImpl","dataSourceName":"ldap://127.0.0.1/x"}~!@#$%^&*'
  for (const garbage of [
    json,
    'GET / HTTP/1.1\r\n\r\n',
    '\xff'.repeat(64),
    '\x00\x00\x00\x08\x00\x03\x7f\xff\xff\xff\xff\xff',
  ]) {
    const socket = dial(broker.kafka.port, broker.kafka.host)
    socket.on('error', () => undefined).write(Buffer.from(garbage, 'latin1'))
    await new Promise((resolve) => socket.once('close', resolve).resume())
  }
  await using client = await connect({ brokers: `127.0.0.1:${broker.kafka.port}` })
  await client.producer().send('jobs', 'still here')
})

// Fails if a message that is sent again after its answer was lost is stored twice, or gets another id.
requirement('D26', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', ...inOne })
  const client = await alone.sdk()
  const producer = client.producer()
  await producer.send('jobs', 'warm')
  const values = numbered('job', 10)
  const ids: string[] = []
  for (const value of values) {
    alone.node.life.incoming.breaksAtNextWrite = true
    ids.push((await producer.send('jobs', { value, id: `id of ${value}` })).id)
  }
  deepEqual(
    ids,
    values.map((value) => `id of ${value}`),
  )
  deepEqual(await readAll(alone.client(), { topic: 'jobs' }), ['warm', ...values])
})
