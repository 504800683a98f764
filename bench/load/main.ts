// The load generator's own process: answers jobs sent over IPC, one at a time, so that its CPU use, garbage and event
// loop are apart from the harness. One process serves a whole run: its code is warm from the second job on.
import type { Job } from './job.ts'
import { UnsettledCluster } from './leaders.ts'
import { runJob } from './run.ts'

export interface GeneratorAnswer {
  readonly result?: Awaited<ReturnType<typeof runJob>>
  readonly error?: string
  /** The error is an `UnsettledCluster`. */
  readonly unsettled?: boolean
}

process.on('message', (job: Job) => {
  runJob(job).then(
    (result) => process.send?.({ result } satisfies GeneratorAnswer),
    (error: unknown) =>
      process.send?.({
        error: error instanceof Error ? error.message : String(error),
        unsettled: error instanceof UnsettledCluster,
      } satisfies GeneratorAnswer),
  )
})
// The harness is gone: there is nobody left to measure for.
process.on('disconnect', () => process.exit(0))
