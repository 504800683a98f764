import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { crc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { apiVersions, createTopic, deleteTopic, offsetsOf } from './harness/admin.ts'
import { Generator } from './harness/generator.ts'
import { parseOptions } from './harness/options.ts'
import { format, summarize } from './harness/report.ts'
import { spreadOf } from './harness/statistics.ts'
import { ByteReader, ByteWriter } from './load/bytes.ts'
import { BATCH_BYTES_MAX, produceErrorAt, produceFrame, recordBatch } from './load/frame.ts'
import { Histogram } from './load/histogram.ts'
import type { Job } from './load/job.ts'
import { LimitServer } from './load/limit-server.ts'
import { cpuSecondsOf, memoryOf } from './load/process-stats.ts'
import { frameRing } from './load/ring.ts'
import { runJob } from './load/run.ts'
import { selectWorkloads, workloads } from './workloads/all.ts'

describe('histogram', () => {
  it('gives every quantile to 1.6 % and the extremes exactly', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 0x7fff_ffff }), { minLength: 1, maxLength: 300 }),
        fc.double({ min: 0.001, max: 1, noNaN: true }),
        (values, share) => {
          const histogram = new Histogram()
          for (const value of values) histogram.record(value)
          const sorted = values.toSorted((a, b) => a - b)
          const exact = sorted[Math.max(1, Math.ceil(share * values.length)) - 1]!
          const found = histogram.quantile(share)
          assert.ok(found >= exact && found <= exact * (1 + 1 / 64) + 1, `${found} for ${exact}`)
          assert.equal(histogram.quantile(1), sorted.at(-1))
          assert.equal(histogram.max, sorted.at(-1))
        },
      ),
    )
  })

  it('merges as if one had counted all', () => {
    const [both, one, other] = [new Histogram(), new Histogram(), new Histogram()]
    for (let i = 0; i < 1000; i++) {
      both.record(i * i)
      const half = i % 2 === 0 ? one : other
      half.record(i * i)
    }
    one.merge(other)
    assert.equal(one.count, 1000)
    for (const share of [0.01, 0.5, 0.99, 1]) assert.equal(one.quantile(share), both.quantile(share))
  })

  it('is empty again after clear', () => {
    const histogram = new Histogram()
    histogram.record(5)
    histogram.clear()
    assert.deepEqual([histogram.count, histogram.max, histogram.quantile(0.99)], [0, 0, 0])
  })
})

describe('frames', () => {
  it('holds as many records as fit, under a valid CRC', () => {
    for (const [batchBytes, valueBytes] of [
      [0, 100],
      [64 * 1024, 1024],
      [1024 * 1024, 1024],
    ] as const) {
      const { bytes, records } = recordBatch(batchBytes, valueBytes)
      assert.equal(bytes.readInt32BE(8) + 12, bytes.length)
      assert.equal(bytes[16], 2)
      assert.equal(bytes.readUInt32BE(17), crc32c(bytes.subarray(21)))
      assert.equal(bytes.readInt32BE(23), records - 1)
      assert.equal(bytes.readInt32BE(57), records)
      assert.ok(bytes.length <= Math.max(batchBytes, 61 + valueBytes + 16) && bytes.length <= BATCH_BYTES_MAX)
      assert.ok(batchBytes === 0 ? records === 1 : bytes.length > batchBytes - valueBytes - 16)
    }
  })

  it('lays frames end to end with their ring index as correlation id, partitions in rotation', () => {
    const ring = frameRing('topic', [0, 1, 2], recordBatch(0, 10))
    assert.equal(ring.frames % 3, 0)
    for (const i of [0, 1, 5, ring.frames - 1]) {
      const frame = ring.bytes.subarray(ring.starts[i], ring.starts[i + 1])
      assert.equal(frame.readInt32BE(0), frame.length - 4)
      assert.equal(frame.readInt32BE(8), i)
      const reader = new ByteReader(frame, 12)
      assert.equal(reader.string(), 'polylog-bench')
      assert.equal(reader.string(), null)
      assert.deepEqual([reader.int16(), reader.int32(), reader.int32()], [-1, 30_000, 1])
      assert.equal(reader.string(), 'topic')
      assert.deepEqual([reader.int32(), reader.int32()], [1, i % 3])
      assert.equal(reader.int32(), frame.length - reader.position)
    }
  })

  it('grows while writing and refuses to read past the end', () => {
    const writer = new ByteWriter(1)
      .int8(-1)
      .int16(2)
      .int32(3)
      .int64(2 ** 40)
      .string('é')
      .string(null)
    const reader = new ByteReader(writer.bytes())
    assert.deepEqual(
      [reader.int8(), reader.int16(), reader.int32(), reader.int64(), reader.string(), reader.string()],
      [-1, 2, 3, 2 ** 40, 'é', null],
    )
    assert.throws(() => reader.int8(), RangeError)
    assert.throws(() => new ByteReader(Buffer.from([0x7f, 0, 0, 0])).array((r) => r.int8()), RangeError)
  })

  it('knows where the answer to Produce carries its error code', () => {
    const answer = new ByteWriter().int32(0).int32(7).int32(1).string('tópic').int32(1).int32(0).int16(87)
    assert.equal(answer.bytes().readInt16BE(produceErrorAt('tópic')), 87)
    assert.ok(produceFrame('t', 0, recordBatch(0, 1).bytes).length > 0)
  })
})

describe('load against the limit server', () => {
  for (const sync of [false, true]) {
    it(`produces and consumes ${sync ? 'with' : 'without'} sync`, async () => {
      await withLimitServer(sync, async (address) => {
        await apiVersions(address)
        await createTopic(address, 'topic', 3)
        const produce = {
          topic: 'topic',
          partitions: 3,
          batchBytes: 4096,
          valueBytes: 100,
          connections: 2,
          inFlight: 4,
          bytesTotal: 500_000,
        }
        const filled = (await runJob({ brokers: [address], warmupMs: 0, measureMs: 20_000, produce })).produce!
        assert.ok(filled.bytes >= 500_000 && filled.errors === 0)
        assert.ok(filled.latencyUs.p50 <= filled.latencyUs.p99 && filled.latencyUs.p99 <= filled.latencyUs.p999)
        const offsets = await offsetsOf(address, 'topic', 3)
        assert.equal(
          offsets.reduce((sum, { end }) => sum + end, 0),
          filled.recordsAcknowledged,
        )
        const ranges = offsets.map(({ end }, partition) => ({ connection: partition % 2, partition, from: 0, to: end }))
        const fetch = { topic: 'topic', ranges, partitionBytesMax: 10_000, repeat: false }
        const read = (await runJob({ brokers: [address], warmupMs: 0, measureMs: 20_000, fetch })).fetch!
        assert.equal(read.records, filled.recordsAcknowledged)
        await deleteTopic(address, 'topic')
      })
    })
  }

  it('keeps a rate and follows the log at the same time', async () => {
    await withLimitServer(false, async (address) => {
      await createTopic(address, 'paced', 1)
      const job: Job = {
        brokers: [address],
        pids: [process.pid],
        warmupMs: 20,
        measureMs: 400,
        produce: {
          topic: 'paced',
          partitions: 1,
          batchBytes: 0,
          valueBytes: 100,
          connections: 2,
          inFlight: 1,
          requestsPerSecond: 500,
        },
        fetch: {
          topic: 'paced',
          ranges: [{ connection: 0, partition: 0, from: 0 }],
          partitionBytesMax: 1 << 20,
          repeat: true,
        },
      }
      const { produce, fetch } = await runJob(job)
      const perSecond = produce!.requests / produce!.seconds
      assert.ok(perSecond > 350 && perSecond < 650, `${perSecond} requests per second`)
      assert.ok(fetch!.records > 0 && produce!.serverCpuSeconds !== undefined)
    })
  })

  it('runs jobs one after the other in the generator process and brings its errors back', async () => {
    await withLimitServer(false, async (address) => {
      const generator = new Generator()
      try {
        await createTopic(address, 'forked', 1)
        const load = { topic: 'forked', partitions: 1, batchBytes: 0, valueBytes: 100, connections: 1, inFlight: 8 }
        const job = { brokers: [address], warmupMs: 0, measureMs: 20_000, produce: { ...load, bytesTotal: 10_000 } }
        for (const _ of [1, 2]) assert.ok((await generator.run(job)).produce!.bytes >= 10_000)
        await assert.rejects(generator.run({ ...job, brokers: [{ ...address, port: 1 }] }), /ECONNREFUSED/)
      } finally {
        generator.stop()
      }
    })
  })

  it('reports a broker that goes away', async () => {
    await withLimitServer(false, async (address, server) => {
      await createTopic(address, 'gone', 1)
      const produce = { topic: 'gone', partitions: 1, batchBytes: 0, valueBytes: 100, connections: 1, inFlight: 1 }
      const running = runJob({ brokers: [address], warmupMs: 0, measureMs: 20_000, produce })
      setImmediate(() => server.stop())
      await assert.rejects(running)
    })
  })
})

describe('harness', () => {
  it('reads CPU time and memory of a process, and nothing of one that is gone', () => {
    assert.ok(cpuSecondsOf(process.pid)! > 0)
    const { rssBytes, peakBytes } = memoryOf(process.pid)!
    assert.ok(rssBytes > 1e6 && peakBytes > 1e6)
    assert.equal(cpuSecondsOf(0x7fff_ffff), undefined)
    assert.equal(memoryOf(0x7fff_ffff), undefined)
  })

  it('takes ratios pair by pair and judges goals by durability', () => {
    const workload = workloads.find(({ name }) => name === 'produce-64k-1p')!
    const rates = (...values: number[]) => values.map((mbPerSecond) => ({ mbPerSecond }))
    const samples = { 'polylog:os': rates(200, 300, 100), kafka: rates(100, 100, 100) }
    const result = summarize(workload, Object.keys(samples), samples, { other: 'boom' })
    assert.deepEqual(result.ratios, [
      { of: 'polylog:os', to: 'kafka', ratio: { median: 2, min: 1, max: 3 }, goal: '>= 2', met: true },
    ])
    assert.match(format(result, workload), /polylog:os \/ kafka: 2\.00 \(1\.00 \.\. 3\.00\), goal >= 2: met/)
    assert.match(format(result, workload), /other FAILED: boom/)
    const fsync = summarize(workload, ['polylog', 'kafka'], { polylog: rates(90), kafka: rates(100) }, {})
    assert.equal(fsync.ratios[0]?.met, false)
    assert.equal(spreadOf([]), undefined)
    assert.deepEqual(spreadOf([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4 })
  })

  it('selects workloads by name or group and refuses what it does not know', () => {
    assert.equal(selectWorkloads([]).length, workloads.length)
    assert.equal(new Set(workloads.map(({ name }) => name)).size, workloads.length)
    assert.deepEqual(
      selectWorkloads(['request-1']).map(({ name }) => name),
      ['request-1'],
    )
    assert.equal(selectWorkloads(['produce']).length, 4)
    assert.throws(() => selectWorkloads(['speed']), /no workload is called "speed"/)
    assert.deepEqual(parseOptions(['--durability', 'os', '--rival', 'kafka,limit']).subjects, [
      'polylog:os',
      'kafka',
      'limit',
    ])
    assert.throws(() => parseOptions(['--seconds', 'many']), /--seconds takes a number/)
    assert.throws(() => parseOptions(['--target', 'kafka', '--versus', 'kafka']), /named twice/)
  })
})

async function withLimitServer(
  sync: boolean,
  use: (address: { host: string; port: number }, server: LimitServer) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'polylog-bench-test-'))
  const server = await LimitServer.start({ port: 0, file: join(directory, 'appended'), sync })
  try {
    await use({ host: '127.0.0.1', port: server.port }, server)
  } finally {
    server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}
