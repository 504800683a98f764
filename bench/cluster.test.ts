import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createTopic, offsetsOf } from './harness/admin.ts'
import { Generator } from './harness/generator.ts'
import { sumsOf } from './harness/metrics.ts'
import { summarize } from './harness/report.ts'
import { parseSubjectName } from './harness/subject-name.ts'
import { topicMetadata } from './harness/topic-metadata.ts'
import { ByteWriter } from './load/bytes.ts'
import { produceAnswerBytes } from './load/frame.ts'
import type { Address } from './load/job.ts'
import { leadersOf, UnsettledCluster } from './load/leaders.ts'
import { LimitServer } from './load/limit-server.ts'
import { cpuSecondsOf, cpuSecondsOfAll } from './load/process-stats.ts'
import { runJob } from './load/run.ts'
import { workloads } from './workloads/all.ts'

const topic = 'topic'
const load = { topic, partitions: 5, batchBytes: 0, valueBytes: 100, connections: 2, inFlight: 4 }

describe('load on a cluster', () => {
  it('goes to the leader of each partition, and is fetched from there', async () => {
    await withLimitServers(2, async (brokers) => {
      for (const broker of brokers) await createTopic(broker, topic, load.partitions)
      const leaders = [0, 1, 1, 0, 1]
      const times = { warmupMs: 0, measureMs: 20_000 }
      const produce = { ...load, bytesTotal: 200_000 }
      const produced = (await runJob({ brokers, leaders, ...times, produce })).produce!
      assert.ok(produced.bytes >= 200_000 && produced.errors === 0)
      const ends = await Promise.all(
        brokers.map(async (broker) => (await offsetsOf(broker, topic, load.partitions)).map(({ end }) => end)),
      )
      for (const [partition, leader] of leaders.entries()) {
        assert.ok(ends[leader]![partition]! > 0, `nothing reached partition ${partition}`)
        assert.equal(ends[1 - leader]![partition], 0)
      }
      const ranges = leaders.map((leader, partition) => ({
        connection: partition % 2,
        partition,
        from: 0,
        to: ends[leader]![partition]!,
      }))
      const fetch = { topic, ranges, partitionBytesMax: 10_000, repeat: false }
      assert.equal((await runJob({ brokers, leaders, ...times, fetch })).fetch!.records, produced.recordsAcknowledged)
    })
  })

  it('gives every partition the same at a fixed rate, however few a broker leads', async () => {
    await withLimitServers(2, async (brokers) => {
      for (const broker of brokers) await createTopic(broker, topic, load.partitions)
      const leaders = [0, 1, 1, 1, 1]
      await runJob({ brokers, leaders, warmupMs: 0, measureMs: 400, produce: { ...load, requestsPerSecond: 1000 } })
      const ends = await Promise.all(brokers.map((broker) => offsetsOf(broker, topic, load.partitions)))
      const counts = leaders.map((leader, partition) => ends[leader]![partition]!.end)
      // Each connection rotates for itself, so counts differ by at most one per connection.
      assert.ok(Math.min(...counts) > 0 && Math.max(...counts) - Math.min(...counts) <= 2, counts.join())
    })
  })

  it('ends when another broker leads than when it began', async () => {
    await withServer(createServer(refuse), async (address) => {
      const job = { brokers: [address], warmupMs: 0, measureMs: 20_000, produce: { ...load, partitions: 1 } }
      await assert.rejects(runJob(job), UnsettledCluster)
      const generator = new Generator()
      try {
        await assert.rejects(generator.run(job), UnsettledCluster)
      } finally {
        generator.stop()
      }
    })
  })

  it('deals partitions out and refuses a leader it does not know', () => {
    const [one, two] = [address(1), address(2)]
    assert.deepEqual(leadersOf({ brokers: [one, two], leaders: [1, 0, 1] }, [0, 1, 2]), [
      { address: two, partitions: [0, 2] },
      { address: one, partitions: [1] },
    ])
    assert.deepEqual(leadersOf({ brokers: [one] }, [3]), [{ address: one, partitions: [3] }])
    assert.throws(() => leadersOf({ brokers: [one], leaders: [-1] }, [0]), UnsettledCluster)
  })
})

describe('harness of a cluster', () => {
  it('reads names of brokers and clusters', () => {
    const cases = {
      polylog: ['polylog', 1, 1, undefined],
      'polylog:os': ['polylog', 1, 1, 'os'],
      'polylog-3:fsync': ['polylog', 3, 3, 'fsync'],
      'polylog-5': ['polylog', 5, 3, undefined],
      'polylog-3-rf1': ['polylog', 3, 1, undefined],
      'kafka-3': ['kafka', 3, 3, undefined],
      'limit:fdatasync': ['limit', 1, 1, 'fdatasync'],
    }
    for (const [name, expected] of Object.entries(cases)) {
      const { product, brokers, replicas, variant } = parseSubjectName(name)!
      assert.deepEqual([product, brokers, replicas, variant], expected)
    }
    for (const name of ['polylog-1', 'polylog-3-rf4', 'polylog:sync', 'kafka:os', 'limit-3', 'redis', 'localhost:9092'])
      assert.equal(parseSubjectName(name), undefined, name)
  })

  it('asks who leads and which replicas are in sync; a broker alone keeps the address it was asked at', async () => {
    const answer = new ByteWriter().int32(0).int32(0).int32(1).int32(2)
    for (const [id, port] of [
      [7, 1007],
      [9, 1009],
    ] as const)
      answer.int32(id).string('broker').int32(port).string(null)
    answer.string('cluster').int32(7).int32(1).int16(0).string(topic).int8(0).int32(2)
    answer.int16(0).int32(1).int32(7).int32(2).int32(7).int32(9).int32(1).int32(7)
    answer.int16(0).int32(0).int32(9).int32(2).int32(7).int32(9).int32(2).int32(7).int32(9)
    const frame = framed(answer)
    const server = createServer(
      (socket) => void socket.on('data', () => socket.write(frame)).on('error', () => undefined),
    )
    await withServer(server, async (asked) => {
      assert.deepEqual(await topicMetadata(asked, topic), {
        brokers: [1007, 1009].map((port) => ({ host: 'broker', port })),
        leaders: [1, 0],
        replicasOutOfSync: 1,
      })
    })
    await withLimitServers(1, async ([broker]) => {
      const asked = { host: 'localhost', port: broker!.port }
      await createTopic(asked, topic, 2)
      const { brokers, leaders } = await topicMetadata(asked, topic)
      assert.deepEqual([brokers, leaders], [[asked], [0, 0]])
    })
  })

  it('sums counters over brokers and CPU time over processes', async () => {
    const server = createHttpServer((_, response) => response.end('# HELP a_total A.\na_total 3\nab_total 5\n'))
    await withServer(server, async (broker) => {
      assert.deepEqual(await sumsOf([broker, broker], ['a_total', 'ab_total']), { a_total: 6, ab_total: 10 })
      await assert.rejects(sumsOf([broker], ['b_total']), /no metric called b_total/)
    })
    assert.ok(cpuSecondsOfAll([process.pid, process.pid])! >= 1.9 * cpuSecondsOf(process.pid)! - 0.1)
    assert.equal(cpuSecondsOfAll([process.pid, 0x7fff_ffff]), undefined)
    assert.equal(cpuSecondsOfAll([]), undefined)
  })

  it('judges a cluster against as many brokers and replicas, by goals of its own', () => {
    const workload = workloads.find(({ name }) => name === 'latency')!
    const goalOf = (target: string, other: string) =>
      summarize(workload, [target, other], { [target]: [{ p99Us: 9 }], [other]: [{ p99Us: 10 }] }, {}).ratios[0]?.goal
    assert.equal(goalOf('polylog:fsync', 'kafka'), '<= 0.7')
    assert.equal(goalOf('polylog-3', 'kafka-3'), '<= 1')
    assert.equal(goalOf('polylog-3', 'kafka'), undefined)
    assert.equal(goalOf('polylog-3-rf1', 'kafka-3'), undefined)
    assert.equal(goalOf('polylog-3', 'polylog'), undefined)
  })
})

/** Answers the first Produce of a connection with NOT_LEADER_OR_FOLLOWER; any of two connections may come first. */
function refuse(socket: Socket): void {
  const correlationIdAt = 8
  const answerTo = (request: Buffer): Buffer => {
    const answer = new ByteWriter().int32(0).int32(request.readInt32BE(correlationIdAt))
    answer.int32(1).string(topic).int32(1).int32(0).int16(6).int64(-1).int64(-1).int64(-1).int32(0)
    assert.equal(answer.length, produceAnswerBytes(topic))
    return framed(answer)
  }
  socket.once('data', (request) => socket.write(answerTo(request as Buffer))).on('error', () => undefined)
}

function framed(answer: ByteWriter): Buffer {
  return answer.patchInt32(0, answer.length - 4).bytes()
}

function address(port: number): Address {
  return { host: '127.0.0.1', port }
}

async function withServer(server: Server, use: (broker: Address) => Promise<void>): Promise<void> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  try {
    await use(address((server.address() as AddressInfo).port))
  } finally {
    server.close()
  }
}

async function withLimitServers(count: number, use: (brokers: Address[]) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'polylog-bench-test-'))
  const servers: LimitServer[] = []
  try {
    for (let i = 0; i < count; i++) {
      servers.push(await LimitServer.start({ port: 0, file: join(directory, String(i)), sync: false }))
    }
    await use(servers.map(({ port }) => address(port)))
  } finally {
    for (const server of servers) server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}
