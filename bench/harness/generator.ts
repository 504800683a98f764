import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Job } from '../load/job.ts'
import { UnsettledCluster } from '../load/leaders.ts'
import type { GeneratorAnswer } from '../load/main.ts'
import type { JobResult } from '../load/run.ts'

/** The load generator, in a process of its own. Runs one job at a time. */
export class Generator {
  readonly #child: ChildProcess

  constructor() {
    this.#child = fork(fileURLToPath(new URL('../load/main.ts', import.meta.url)), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
  }

  /** Resolves with what the job showed; rejects with the generator's message, or `UnsettledCluster`, when a broker failed it. */
  run(job: Job): Promise<JobResult> {
    return new Promise((resolve, reject) => {
      const onExit = () => settle(() => reject(new Error('the load generator died')))
      const onMessage = (answer: GeneratorAnswer) =>
        settle(() => (answer.result ? resolve(answer.result) : reject(failureOf(answer))))
      const settle = (finish: () => void) => {
        this.#child.off('exit', onExit).off('message', onMessage)
        finish()
      }
      this.#child.on('exit', onExit).on('message', onMessage)
      this.#child.send(job)
    })
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect()
  }
}

function failureOf({ error = 'no answer', unsettled }: GeneratorAnswer): Error {
  return unsettled === true ? new UnsettledCluster(error) : new Error(error)
}
