import { backlogWorkloads } from './backlog.ts'
import { coldWorkloads, consumeWorkloads } from './consume.ts'
import { cpuWorkloads, idleWorkloads, partitionWorkloads } from './cost.ts'
import { libraryWorkloads } from './library.ts'
import { latencyWorkload, produceWorkloads, requestWorkloads } from './produce.ts'
import { queueWorkloads } from './queue.ts'
import { trafficWorkloads } from './traffic.ts'
import type { Workload } from './workload.ts'

/** Every workload, in the order they run: those that leave a broker restarted or busy with clearing up come last. */
export const workloads: readonly Workload[] = [
  ...produceWorkloads,
  ...consumeWorkloads,
  ...requestWorkloads,
  latencyWorkload,
  ...cpuWorkloads,
  ...trafficWorkloads,
  ...queueWorkloads,
  ...libraryWorkloads,
  ...idleWorkloads,
  ...partitionWorkloads,
  ...backlogWorkloads,
  ...coldWorkloads,
]

/** The workloads whose names begin with one of the given words; throws for a word that fits none. */
export function selectWorkloads(words: readonly string[]): Workload[] {
  for (const word of words) {
    if (!workloads.some(({ name }) => fits(name, word))) {
      throw new Error(`no workload is called "${word}"; there are: ${workloads.map(({ name }) => name).join(', ')}`)
    }
  }
  return workloads.filter(({ name }) => words.length === 0 || words.some((word) => fits(name, word)))
}

/** `request-1` must not select `request-16`: a word stands for itself or for a whole group in front of a dash. */
function fits(name: string, word: string): boolean {
  return name === word || name.startsWith(`${word}-`)
}
