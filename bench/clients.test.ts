import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { crc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { startBroker } from 'polylog'
import type { Broker } from 'polylog'
import { ClientHost } from './clients/client-host.ts'
import type { Report } from './clients/client-host.ts'
import { walkRecords } from './clients/record-walk.ts'
import { roomOf } from './clients/room.ts'
import { StampedFrame } from './clients/stamped-frame.ts'
import { machineMs, stampOf, StampedValues } from './clients/stamp.ts'
import { ClientPairs } from './harness/remote-clients.ts'
import type { HostLink } from './harness/remote-clients.ts'
import { Generator } from './harness/generator.ts'
import { Subjects } from './harness/open-subject.ts'
import { format, summarize } from './harness/report.ts'
import { runSession } from './harness/session.ts'
import { parseSubjectName } from './harness/subject-name.ts'
import type { Subject } from './harness/subject.ts'
import { ByteReader, ByteWriter } from './load/bytes.ts'
import { recordBatchOf } from './load/frame.ts'
import { selectWorkloads, workloads } from './workloads/all.ts'
import type { Bench } from './workloads/workload.ts'

describe('frames of the lean client', () => {
  it('stamps every message of a batch and gives it a valid CRC', () => {
    const frame = new StampedFrame('topic', 150, 256).at(1234.5, 7)
    assert.equal(frame.readInt32BE(0), frame.length - 4)
    assert.equal(frame.readInt32BE(8), 7)
    const batch = frame.subarray(frame.length - recordBatchOf(150, 256).bytes.length)
    assert.equal(batch.readUInt32BE(17), crc32c(batch.subarray(21)))
    const found: [number, number][] = []
    walkRecords(batch, (offset, valueAt) => found.push([offset, stampOf(batch, valueAt)]))
    assert.deepEqual(
      found,
      Array.from({ length: 150 }, (_, i) => [i, 1234.5]),
    )
  })

  it('walks batches that follow each other and stops before one that is cut off', () => {
    const [first, second] = [recordBatchOf(3, 100).bytes, recordBatchOf(2, 100).bytes]
    second.writeBigInt64BE(3n, 0)
    const offsets: number[] = []
    walkRecords(Buffer.concat([first, second, first.subarray(0, 90)]), (offset) => offsets.push(offset))
    assert.deepEqual(offsets, [0, 1, 2, 3, 4])
  })

  it('reads what it writes of the flexible versions', () => {
    fc.assert(
      fc.property(fc.nat(), fc.option(fc.string()), (number, text) => {
        const writer = new ByteWriter(1).uvarint(number).compactString(text).uvarint(1).uvarint(3).uvarint(2).int16(-1)
        const reader = new ByteReader(writer.int8(5).bytes())
        assert.deepEqual([reader.uvarint(), reader.compactString()], [number, text])
        reader.tags()
        assert.equal(reader.int8(), 5)
      }),
    )
    assert.throws(() => new ByteReader(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 1])).uvarint(), RangeError)
    assert.throws(() => new ByteReader(Buffer.from([9])).compactArray((reader) => reader.int8()), RangeError)
  })
})

describe('queues in the harness', () => {
  it('tells times that other processes understand, in values that differ', () => {
    const values = new StampedValues(64)
    const [one, other] = [values.next(5), values.next(5)]
    assert.deepEqual([stampOf(one), one.length, one.equals(other)], [5, 64, false])
    assert.ok(Math.abs(machineMs() - Number(process.hrtime.bigint()) / 1e6) < 60_000)
  })

  it('divides what a group may hold among its members', () => {
    assert.deepEqual([1, 8, 64, 5000].map(roomOf), [1000, 250, 31, 1])
  })

  it('knows who drives a broker', () => {
    assert.equal(parseSubjectName('polylog:os+lean')?.client, 'lean')
    assert.equal(parseSubjectName('rabbitmq')?.product, 'rabbitmq')
    for (const wrong of ['rabbitmq+lean', 'polylog-3+lean', 'polylog+bullmq', 'bullmq-2', 'rabbitmq:os']) {
      assert.equal(parseSubjectName(wrong), undefined, wrong)
    }
  })

  it('judges the SDK and the lean client against every rival, and the lean one by itself', () => {
    const workload = selectWorkloads(['queue-256b-8c'])[0]!
    const rates = (messagesPerSecond: number) => [{ messagesPerSecond }]
    const samples = { polylog: rates(80_000), 'polylog+lean': rates(120_000), rabbitmq: rates(20_000) }
    const result = summarize(workload, Object.keys(samples), samples, {})
    assert.deepEqual(
      result.ratios.map(({ of, to, ratio, met }) => [of, to, ratio.median, met]),
      [
        ['polylog', 'polylog+lean', 80 / 120, undefined],
        ['polylog', 'rabbitmq', 4, true],
        ['polylog+lean', 'rabbitmq', 6, true],
      ],
    )
    assert.match(format(result, workload), /polylog\+lean: goal >= 100000: met/)
    assert.doesNotMatch(format(result, workload), /polylog: goal >= 100000/)
  })
})

describe('clients against Polylog', () => {
  const directory = mkdtempSync(join(tmpdir(), 'polylog-bench-test-'))
  const generator = new Generator()
  const clients = new ClientPairs(hostHere)
  const opened: Subject[] = []
  let broker: Broker | undefined
  let address = ''

  before(async () => {
    broker = await startBroker()
    address = `${broker.kafka.host}:${broker.kafka.port}`
    const subjects = new Subjects({ directory, polylogCommand: undefined })
    for (const client of ['', '+lean', '+kafkajs', '+platformatic']) {
      opened.push(await subjects.open(`${address}${client}`, undefined))
    }
  })

  after(async () => {
    generator.stop()
    clients.stop()
    await broker?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  const run = async (name: string, driven: readonly string[]) => {
    const times = { measureMs: 20, warmupMs: 0, coldBytes: 0, hasty: true }
    const said: string[] = []
    const say = (text: string) => void said.push(text)
    const bench: Bench = { generator, clients, directory, say, ...times }
    const names = driven.map((client) => `${address}${client}`)
    const chosen = opened.filter((subject) => names.includes(subject.name))
    assert.equal(chosen.length, names.length)
    const [result] = await runSession(selectWorkloads([name]), bench, chosen, 1, say)
    assert.deepEqual(result!.failures, {}, said.join(''))
    assert.deepEqual(Object.keys(result!.medians), names)
    for (const median of Object.values(result!.medians)) {
      assert.ok(Number.isFinite(median[result!.metric]), said.join(''))
    }
  }

  it('sends, delivers and accepts everything, one consumer', () => run('queue-256b-1c', ['', '+lean']))
  it('the same, many consumers', () => run('queue-1k-8c', ['', '+lean']))
  it('keeps a rate', () => run('queue-latency', ['', '+lean']))

  for (const { name, needs } of workloads) {
    if (needs === 'library') it(name, () => run(name, ['', '+kafkajs', '+platformatic']))
  }
})

/** Whether it all works does not depend on processes, which take long to start. */
function hostHere(take: (report: Report) => void): HostLink {
  const host = new ClientHost(take)
  return { send: (message) => host.take(message), stop: () => undefined }
}
