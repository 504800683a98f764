import type { ClientName } from '../clients/client.ts'
import type { PreparedWorkload, Bench, Sample, Workload } from '../workloads/workload.ts'
import { workloads } from '../workloads/all.ts'
import { format, summarize } from './report.ts'
import type { WorkloadResult } from './report.ts'
import type { Subject } from './subject.ts'

/**
 * Runs one workload on all brokers, one window each in turn (A B B A …), so that a slow phase of the machine hits all
 * alike. A broker that fails drops out of this workload with its error; the others go on.
 */
async function runWorkload(
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
  const applicable = subjects.filter((subject) => serves(subject, workload))
  for (const subject of applicable) {
    await attempt(subject, async () => void prepared.set(subject, await workload.prepare(bench, subject)))
  }
  const all = [...prepared]
  for (let round = 0; round < repeat; round++) {
    // What a broker leaves behind (files to delete, memory to collect) must not fall to the same one each time.
    const first = round % all.length
    for (const [subject, { measure }] of [...all.slice(first), ...all.slice(0, first)]) {
      if (failures[subject.name] !== undefined) continue
      await attempt(subject, async () => void (samples[subject.name] ??= []).push(await measure()))
    }
  }
  for (const [subject, { cleanup }] of prepared) await attempt(subject, cleanup)
  const names = subjects.map(({ name }) => name)
  return summarize(workload, names, samples, failures)
}

const queueClients: ReadonlySet<ClientName> = new Set(['sdk', 'lean', 'rabbitmq', 'bullmq'])
const libraries: ReadonlySet<ClientName> = new Set(['sdk', 'kafkajs', 'platformatic'])

/** The limit server forgets on restart as well, so it is left out of whatever reads more than its first megabytes. */
function serves(subject: Subject, { name, needs, brokersMin = 1 }: Workload): boolean {
  const { client, speaksKafka, isForClient } = subject
  if (needs === 'queue') return client !== undefined && queueClients.has(client)
  if (needs === 'library') return client !== undefined && libraries.has(client)
  if (!speaksKafka || isForClient) return false
  if (needs === 'traffic') return subject.metrics.length >= brokersMin
  if (needs === 'produce') return true
  if (needs === 'records') return subject.keepsRecords
  return subject.restartCold !== undefined && (subject.keepsRecords || !name.startsWith('consume'))
}

/** Paths a broker has to have run, hot, before anything is measured: a JVM compiles for many seconds. */
const WARM_UP = ['produce-64k-12p', 'request-16', 'consume-tail-64k-12p']

/** Runs load that is not reported, for the given time in all, so that compilers and caches of a broker are warm. */
export async function warmUp(
  bench: Bench,
  subject: Subject,
  chosen: readonly Workload[],
  seconds: number,
): Promise<void> {
  const usual = WARM_UP.map((name) => workloads.find((workload) => workload.name === name)!)
  // What is about clients warms these as well, and what a rival without Kafka's protocol has.
  const isAboutClients = chosen.every(({ needs }) => needs === 'queue' || needs === 'library')
  const warming = (isAboutClients ? chosen.slice(0, 2) : usual).filter((workload) => serves(subject, workload))
  for (const workload of warming) {
    const prepared = await workload.prepare(
      { ...bench, warmupMs: 0, measureMs: (seconds * 1000) / warming.length },
      subject,
    )
    await prepared.measure()
    await prepared.cleanup()
  }
}

/** Runs workload after workload and says each result as soon as it is there. */
export async function runSession(
  chosen: readonly Workload[],
  bench: Bench,
  subjects: readonly Subject[],
  repeat: number,
  say: (text: string) => void,
): Promise<WorkloadResult[]> {
  const results: WorkloadResult[] = []
  for (const workload of chosen) {
    const result = await runWorkload(workload, bench, subjects, repeat)
    say(format(result, workload))
    results.push(result)
  }
  return results
}
