import { offsetsOf } from '../harness/admin.ts'
import { settle } from '../harness/page-cache.ts'
import type { Subject } from '../harness/subject.ts'
import type { Job } from '../load/job.ts'
import { memoryOf, resetPeak } from '../load/process-stats.ts'
import type { JobResult } from '../load/run.ts'
import type { LoadResult } from '../load/window.ts'
import type { Bench, Sample } from './workload.ts'

const MB = 1e6

/** Runs one job against a broker, with the usual times unless the job names others. */
export async function runLoad(
  bench: Bench,
  subject: Subject,
  job: Pick<Job, 'produce' | 'fetch'> & Partial<Pick<Job, 'warmupMs' | 'measureMs'>>,
): Promise<JobResult> {
  const { host, port } = subject.address
  const times = { warmupMs: bench.warmupMs, measureMs: bench.measureMs }
  const pid = subject.pid === undefined ? {} : { pid: subject.pid }
  if (subject.pid !== undefined) resetPeak(subject.pid)
  const before = job.produce && subject.keepsRecords ? await storedRecords(subject, job.produce) : 0
  const result = await bench.generator.run({ host, port, ...pid, ...times, ...job })
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

async function storedRecords(subject: Subject, load: { topic: string; partitions: number }): Promise<number> {
  const offsets = await offsetsOf(subject.address, load.topic, load.partitions)
  return offsets.reduce((sum, { end }) => sum + end, 0)
}

/** The common columns of a result. */
export function sampleOf(load: LoadResult, subject: Subject): Sample {
  if (load.requests === 0)
    throw new Error(`nothing was answered in the window (error codes: ${JSON.stringify(load.errorCodes)})`)
  const peakBytes = subject.pid === undefined ? undefined : memoryOf(subject.pid)?.peakBytes
  const cpu = load.serverCpuSeconds
  const other = cpu === undefined ? undefined : load.machineCores - cpu / load.seconds - load.generatorCores
  return {
    mbPerSecond: load.bytes / load.seconds / MB,
    recordsPerSecond: load.records / load.seconds,
    requestsPerSecond: load.requests / load.seconds,
    p50Us: load.latencyUs.p50,
    p99Us: load.latencyUs.p99,
    p999Us: load.latencyUs.p999,
    ...(cpu === undefined ? {} : { cpuSecondsPerGb: cpu / (load.bytes / 1e9), serverCores: cpu / load.seconds }),
    generatorCores: load.generatorCores,
    ...(other === undefined ? {} : { otherCores: Math.max(0, other) }),
    ...(peakBytes === undefined ? {} : { peakMb: peakBytes / MB }),
    errors: load.errors,
  }
}
