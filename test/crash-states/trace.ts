import type { DiskOperation } from '../../packages/broker/src/host/simulated/disk-operation.ts'
import type { DiskWrapper } from './disk-wrapper.ts'
import type { Deed } from './expectation.ts'
import { recordWorkload } from './workload.ts'

export type TraceItem = { operation: DiskOperation } | { deed: Deed }

/** What a workload did to the disk, and what its users learned, in one order. */
export interface Trace {
  seed: number
  items: TraceItem[]
  operationCount: number
}

/**
 * Records a trace of at least `operationsMin` file operations.
 * @throws BrokenPromise if the store breaks a promise without any crash, only by being stopped or killed
 */
export async function recordTrace(seed: number, operationsMin: number, wrap?: DiskWrapper): Promise<Trace> {
  const items: TraceItem[] = []
  let operationCount = 0
  await recordWorkload({
    seed,
    wrap: wrap ?? ((disk) => disk),
    done: () => operationCount >= operationsMin,
    operation: (operation) => {
      items.push({ operation })
      operationCount++
    },
    deed: (deed) => items.push({ deed }),
  })
  return { seed, items, operationCount }
}
