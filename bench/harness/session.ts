import type { PreparedWorkload, Bench, Sample, Workload } from '../workloads/workload.ts'
import { format, summarize } from './report.ts'
import type { WorkloadResult } from './report.ts'
import type { Subject } from './subject.ts'

/**
 * Runs one workload on all brokers, one window each in turn (A B A B …), so that a slow phase of the machine hits all
 * alike. A broker that fails drops out of this workload with its error; the others go on.
 */
export async function runWorkload(
  workload: Workload,
  bench: Bench,
  subjects: readonly Subject[],
  repeat: number,
): Promise<WorkloadResult> {
  const prepared = new Map<Subject, PreparedWorkload>()
  const samples: Record<string, Sample[]> = {}
  const failures: Record<string, string> = {}
  const attempt = async (subject: Subject, work: () => Promise<void>) => {
    try {
      await work()
    } catch (error) {
      failures[subject.name] ??= error instanceof Error ? error.message : String(error)
    }
  }
  const applicable = subjects.filter((subject) => !workload.needsManaged || subject.restartCold !== undefined)
  for (const subject of applicable) {
    await attempt(subject, async () => void prepared.set(subject, await workload.prepare(bench, subject)))
  }
  for (let round = 0; round < repeat; round++) {
    for (const [subject, { measure }] of prepared) {
      if (failures[subject.name] !== undefined) continue
      await attempt(subject, async () => void (samples[subject.name] ??= []).push(await measure()))
    }
  }
  for (const [subject, { cleanup }] of prepared) await attempt(subject, cleanup)
  const names = subjects.map(({ name }) => name)
  return summarize(workload, names, samples, failures)
}

/** Runs workload after workload and says each result as soon as it is there. */
export async function runSession(
  workloads: readonly Workload[],
  bench: Bench,
  subjects: readonly Subject[],
  repeat: number,
  say: (text: string) => void,
): Promise<WorkloadResult[]> {
  const results: WorkloadResult[] = []
  for (const workload of workloads) {
    const result = await runWorkload(workload, bench, subjects, repeat)
    say(format(result, workload))
    results.push(result)
  }
  return results
}
