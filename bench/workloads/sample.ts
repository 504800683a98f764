import { offsetsOf, waitForTopic } from '../harness/admin.ts'
import { settle } from '../harness/page-cache.ts'
import { topicMetadata } from '../harness/topic-metadata.ts'
import type { Subject } from '../harness/subject.ts'
import type { Job } from '../load/job.ts'
import { UnsettledCluster } from '../load/leaders.ts'
import { memoryOf, resetPeak } from '../load/process-stats.ts'
import type { JobResult } from '../load/run.ts'
import type { LoadResult } from '../load/window.ts'
import type { Bench, Sample } from './workload.ts'

const MB = 1e6

const ATTEMPTS_MAX = 3

type Loads = Pick<Job, 'produce' | 'fetch'> & Partial<Pick<Job, 'warmupMs' | 'measureMs'>>

/**
 * Runs one job against a broker, with the usual times unless the job names others. When leaders or in-sync replicas change
 * meanwhile, it says so, waits until all replicas are in sync, and runs it again, three times at most.
 */
export async function runLoad(bench: Bench, subject: Subject, job: Loads): Promise<JobResult> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnce(bench, subject, job)
    } catch (error) {
      if (!(error instanceof UnsettledCluster) || attempt === ATTEMPTS_MAX) throw error
      bench.say(`  ${subject.name}: a window thrown away: ${error.message}`)
      const { topic, partitions } = partitionsOf(job)
      await waitForTopic(subject.address, topic, partitions)
    }
  }
}

function partitionsOf({ produce, fetch }: Loads): { topic: string; partitions: number } {
  if (produce !== undefined) return produce
  return { topic: fetch!.topic, partitions: 1 + Math.max(...fetch!.ranges.map(({ partition }) => partition)) }
}

async function runOnce(bench: Bench, subject: Subject, job: Loads): Promise<JobResult> {
  const times = { warmupMs: bench.warmupMs, measureMs: bench.measureMs }
  const { pids, storePids } = subject
  for (const pid of pids) resetPeak(pid)
  const before = job.produce && subject.keepsRecords ? await storedRecords(subject, job.produce) : 0
  const { topic } = partitionsOf(job)
  const { brokers, leaders } = await topicMetadata(subject.address, topic)
  const result = await bench.generator.run({ brokers, leaders, pids, storePids, ...times, ...job })
  const { replicasOutOfSync } = await topicMetadata(subject.address, topic)
  // With fewer replicas in sync an acknowledgement is cheaper than what is to be measured.
  if (replicasOutOfSync > 0) throw new UnsettledCluster(`${replicasOutOfSync} replicas fell out of sync`)
  if (job.produce && result.produce && subject.keepsRecords) {
    const stored = (await storedRecords(subject, job.produce)) - before
    const acknowledged = result.produce.recordsAcknowledged
    // A broker may keep what it refused or never got to answer, but never less than it acknowledged.
    if (stored < acknowledged) throw new Error(`${acknowledged} records were acknowledged but ${stored} are in the log`)
  }
  return result
}

/** Lets nobody pay for the writeback of what was measured before, unless speed matters more than figures. */
export function settleDisk(bench: Bench): void {
  if (!bench.hasty) settle(bench.directory)
}

/** Records in the log, by its end offsets. */
export async function storedRecords(subject: Subject, load: { topic: string; partitions: number }): Promise<number> {
  const offsets = await offsetsOf(subject.address, load.topic, load.partitions)
  return offsets.reduce((sum, { end }) => sum + end, 0)
}

/** The common columns of a result. */
export function sampleOf(load: LoadResult, subject: Subject): Sample {
  if (load.requests === 0)
    throw new Error(`nothing was answered in the window (error codes: ${JSON.stringify(load.errorCodes)})`)
  const peaks = subject.pids.flatMap((pid) => memoryOf(pid)?.peakBytes ?? [])
  const cpu = load.serverCpuSeconds
  const storeCpu = load.storeCpuSeconds ?? 0
  const other =
    cpu === undefined ? undefined : load.machineCores - (cpu + storeCpu) / load.seconds - load.generatorCores
  return {
    mbPerSecond: load.bytes / load.seconds / MB,
    recordsPerSecond: load.records / load.seconds,
    requestsPerSecond: load.requests / load.seconds,
    p50Us: load.latencyUs.p50,
    p99Us: load.latencyUs.p99,
    p999Us: load.latencyUs.p999,
    ...(cpu === undefined ? {} : { cpuSecondsPerGb: cpu / (load.bytes / 1e9), serverCores: cpu / load.seconds }),
    ...(load.storeCpuSeconds === undefined ? {} : { storeCores: storeCpu / load.seconds }),
    generatorCores: load.generatorCores,
    ...(other === undefined ? {} : { otherCores: Math.max(0, other) }),
    ...(peaks.length === 0 ? {} : { peakMb: peaks.reduce((sum, peak) => sum + peak, 0) / MB }),
    errors: load.errors,
  }
}
