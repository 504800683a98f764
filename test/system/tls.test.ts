import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, describe, it } from 'node:test'
import { connect as connectTls } from 'node:tls'
import kafkajs from 'kafkajs'
import { Cluster, Fetcher, RecordProducer } from '@polylog/client/admin'
import { Authority } from '../certificates/authority.ts'
import { CertificateFolder } from '../certificates/certificate-folder.ts'
import { BrokerProcess } from './broker-process.ts'
import type { Binding, KafkaClient } from './clients/librdkafka/binding.ts'
import { collectGarbage } from './clients/librdkafka/collect-garbage.ts'
import { installLibrdkafka } from './clients/librdkafka/install.ts'
import { skipClient } from './clients/suite.ts'
import { polylog } from './command.ts'
import { until } from './wait.ts'

const topic = 'orders'
const recordCount = 500
const values = Array.from({ length: recordCount }, (_, index) => `record ${index}`)

describe('a broker under TLS', () => {
  const authority = new Authority('ours')
  const folder = new CertificateFolder()
  const ca = folder.put('ca.pem', authority.certificate)
  after(() => folder[Symbol.dispose]())

  function flagsOf(name: string, further: readonly string[] = []): string[] {
    const { tlsCertificate, tlsKey } = folder.identity(name, authority.issue({ hosts: ['127.0.0.1', 'localhost'] }))
    const settings = [`tls.certificate=${tlsCertificate}`, `tls.key=${tlsKey}`, `tls.ca=${ca}`, ...further]
    return settings.flatMap((setting) => ['--set', setting])
  }

  async function readAll(brokers: string): Promise<string[]> {
    await using client = new Cluster({ brokers, tls: { ca: authority.certificate } })
    const fetcher = new Fetcher(client, { waitMs: 100 })
    fetcher.seek({ topic, partition: 0 }, 0)
    const read: string[] = []
    while (read.length < recordCount) {
      for (const { value } of await fetcher.poll()) read.push(Buffer.from(value!).toString())
    }
    return read
  }

  it('serves kafkajs, which shows a certificate and may do what that name may', async () => {
    const rules = ['tls.client.auth=required', 'authorizer=acl', 'super.users=User:CN=ops,O=Example']
    await using broker = await BrokerProcess.start({ flags: flagsOf('kafkajs', rules) })
    const kafkaAs = (commonName: string) => {
      const subject = [
        ['O', 'Example'],
        ['CN', commonName],
      ] as const
      const { certificate, key } = authority.issue({ subject })
      const ssl = { ca: [authority.certificate], cert: certificate, key }
      const { NOTHING } = kafkajs.logLevel
      return new kafkajs.Kafka({ brokers: [broker.address], ssl, logLevel: NOTHING, retry: { retries: 3 } })
    }
    const ops = kafkaAs('ops')
    const admin = ops.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] })
    await admin.disconnect()
    const producer = ops.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
    await producer.connect()
    await producer.send({ topic, messages: values.map((value) => ({ value })) })
    await producer.disconnect()
    const read: string[] = []
    const consumer = ops.consumer({ groupId: 'readers' })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => void read.push(message.value!.toString()) })
    await until('all records', () => read.length >= recordCount)
    await consumer.disconnect()
    deepEqual(read, values)

    const intern = kafkaAs('intern').producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
    await intern.connect()
    await rejects(intern.send({ topic, messages: [{ value: 'mine' }] }))
    await intern.disconnect()
    const nobody = new kafkajs.Kafka({
      brokers: [broker.address],
      ssl: { ca: [authority.certificate] },
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { retries: 0 },
    }).admin()
    await rejects(nobody.connect().then(() => nobody.listTopics()))
    await until('a line about that', () => /a certificate is asked for, and none was shown/.test(broker.log))
  })

  const installed = installLibrdkafka()
  if ('reason' in installed) skipClient('librdkafka under TLS', installed.reason)
  else {
    it('serves librdkafka', async () => {
      await using broker = await BrokerProcess.start({ flags: flagsOf('librdkafka') })
      const { KafkaClient } = (await import(installed.module)) as Binding
      deepEqual(
        await produceAndConsume(new KafkaClient({ brokers: broker.address, clientId: 'tls', logLevel: 'none' })),
        values,
      )
      deepEqual(await readAll(broker.address), values)
      // Its clients end with their objects; they would go on looking for a broker that is gone.
      await collectGarbage()
    })
  }

  async function produceAndConsume(client: KafkaClient): Promise<string[]> {
    const configuration = { 'security.protocol': 'ssl', 'ssl.ca.location': ca }
    const messages = values.map((value) => ({ key: Buffer.from('k'), payload: Buffer.from(value) }))
    await client.createProducer({ configuration }).send({ topic, messages })
    const consumer = client.createConsumer({
      groupId: 'readers',
      configuration: { ...configuration, 'auto.offset.reset': 'earliest' },
    })
    await consumer.subscribe(topic)
    const read: string[] = []
    while (read.length < recordCount) {
      for (const { payload } of await consumer.recvBatch(100, 200)) read.push(payload.toString())
    }
    await consumer.disconnect()
    return read
  }

  it('takes renewed certificates on SIGHUP and goes on', async () => {
    const flags = flagsOf('renewed', ['http.tls.enable=true'])
    await using broker = await BrokerProcess.start({ flags })
    await using client = new Cluster({ brokers: broker.address, tls: { ca: authority.certificate } })
    const producer = new RecordProducer(client)
    await producer.send(topic, [{ value: 'before' }])
    const renewed = authority.issue({ hosts: ['127.0.0.1'] })
    folder.identity('renewed', renewed)
    broker.signal('SIGHUP')
    await until('a line about that', () => /certificates were read anew/.test(broker.log))
    const { fingerprint256 } = new X509Certificate(renewed.certificate)
    for (const address of [broker.address, broker.http]) equal(await fingerprintAt(address), fingerprint256)
    // The connection of before is still the same.
    await producer.send(topic, [{ value: 'after' }])
    folder.put('renewed.key', authority.issue().key)
    broker.signal('SIGHUP')
    await until('a line about that', () =>
      /certificates cannot be renewed.*is not the key of the certi/.test(broker.log),
    )
    equal(await fingerprintAt(broker.address), fingerprint256)
    equal(await broker.terminate(), 0)
  })

  async function fingerprintAt(address: string): Promise<string> {
    const port = Number(address.split(':').at(-1))
    const socket = connectTls({ host: '127.0.0.1', port, ca: authority.certificate })
    try {
      await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
      return socket.getPeerCertificate().fingerprint256
    } finally {
      socket.destroy()
    }
  }

  it('does not start with files that make no sense, or for everybody, and says why in one line', async () => {
    const { tlsCertificate } = folder.identity('alone', authority.issue())
    const data = ['start', '--data', `${tlsCertificate}-data`, '--http', 'none', '--kafka']
    const wrongKey = ['--set', `tls.certificate=${tlsCertificate}`, '--set', `tls.key=${ca}`]
    const [files, everybody] = await Promise.all([
      polylog([...data, '127.0.0.1:0', ...wrongKey]),
      polylog([...data, '0.0.0.0:0']),
    ])
    deepEqual([files.code, everybody.code], [1, 1])
    match(files.stderr, /^polylog: tls\.key \S+: it holds no private key in PEM form\n$/)
    match(
      everybody.stderr,
      /^polylog: kafka\.address 0\.0\.0\.0:0 can be reached .* allow\.anonymous\.network=true .*\n$/,
    )
  })
})
