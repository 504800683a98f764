import type { Scheduler } from '../../packages/broker/src/host/simulated/scheduler.ts'

/** Lets time go on, in the real world by waiting and in the simulated one by running it. */
export interface Stage {
  /** Waits for what comes in its own time. */
  readonly settle: <T>(promise: Promise<T>) => Promise<T>
  /** Waits until `condition` holds; fails after ten seconds. */
  readonly until: (condition: () => boolean) => Promise<void>
}

const patienceMs = 10_000

export const realStage: Stage = {
  settle: (promise) => promise,
  until: async (condition) => {
    const endMs = performance.now() + patienceMs
    while (!condition()) {
      if (performance.now() > endMs) throw new Error(`not within ${patienceMs} ms: ${String(condition)}`)
      await new Promise((resolve) => setImmediate(resolve))
    }
  },
}

export function simulatedStage(scheduler: Scheduler): Stage {
  return {
    settle: (promise) => scheduler.complete(promise),
    until: async (condition) => {
      const endMs = scheduler.nowMs + patienceMs
      await scheduler.run(() => condition() || scheduler.nowMs > endMs)
      if (!condition()) throw new Error(`not within ${patienceMs} simulated ms: ${String(condition)}`)
    },
  }
}
