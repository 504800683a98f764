import { Window } from '../load/window.ts'
import type { LoadResult } from '../load/window.ts'
import { loadClient } from './all.ts'
import type { ClientJob } from './client.ts'
import { SenderLoad } from './sender-load.ts'
import { machineMs } from './stamp.ts'

/** What the harness asks for; each is answered once. */
export type Command =
  | { readonly kind: 'send' | 'receive'; readonly job: ClientJob }
  /** Answered with the messages confirmed or accepted so far. */
  | { readonly kind: 'open' | 'close' }
  /** Answered when all that was sent is confirmed, or once everything is closed. */
  | { readonly kind: 'stop' | 'end' }

/** A command, or what producers are told: how many messages are accepted. */
export type Message = Command | { readonly kind: 'accepted'; readonly count: number }

/** What a host says by itself, and how it answers. */
export type Report =
  | { readonly kind: 'answer'; readonly count: number; readonly result?: LoadResult }
  | { readonly kind: 'progress'; readonly count: number }
  | { readonly kind: 'failed'; readonly error: string }

/**
 * How often consumers say what they have accepted (producers wait for that when the backlog is full), and producers what is
 * confirmed.
 */
const PROGRESS_MS = 4

interface Running {
  readonly window: Window
  readonly count: () => number
  readonly stop: () => Promise<unknown>
  readonly accepted: (count: number) => void
  readonly end: () => Promise<void>
}

/** Runs producers or consumers, one load at a time. */
export class ClientHost {
  readonly #say: (report: Report) => void
  #running: Running | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(say: (report: Report) => void) {
    this.#say = say
  }

  take(message: Message): void {
    if (message.kind === 'accepted') this.#running?.accepted(message.count)
    else this.#run(message).then(this.#say, this.#failed)
  }

  async #run(command: Command): Promise<Report> {
    if (command.kind === 'send' || command.kind === 'receive') {
      const running = await (command.kind === 'send' ? this.#send : this.#receive)(command.job)
      this.#running = running
      this.#tellProgress(running)
      return { kind: 'answer', count: 0 }
    }
    const { window, count, stop, end } = this.#running!
    if (command.kind === 'open') window.open()
    if (command.kind === 'close') {
      const total = count()
      window.close()
      return { kind: 'answer', count: total, result: window.result() }
    }
    if (command.kind === 'stop') await stop()
    if (command.kind === 'end') {
      clearInterval(this.#timer)
      await end()
    }
    return { kind: 'answer', count: count() }
  }

  readonly #send = async (job: ClientJob): Promise<Running> => {
    const window = new Window(job.pids)
    const sender = await (await loadClient(job.client)).openSender(job)
    const load = new SenderLoad(sender, job, window, this.#failed)
    load.start()
    return {
      window,
      count: () => load.confirmedCount,
      stop: () => load.stop(),
      accepted: (count) => load.accepted(count),
      end: () => sender.close(),
    }
  }

  readonly #receive = async (job: ClientJob): Promise<Running> => {
    const window = new Window(job.pids)
    const delivered = (sentAtMs: number) => window.answered(machineMs() - sentAtMs, job.valueBytes, 1)
    const client = await loadClient(job.client)
    const receivers = await client.openReceivers(job, { delivered, failed: this.#failed })
    return {
      window,
      count: () => receivers.acceptedCount,
      stop: () => Promise.resolve(),
      accepted: () => undefined,
      end: () => receivers.close(),
    }
  }

  #tellProgress({ count }: Running): void {
    let told = 0
    this.#timer = setInterval(() => {
      if (count() !== told) this.#say({ kind: 'progress', count: (told = count()) })
    }, PROGRESS_MS)
  }

  readonly #failed = (error: unknown): void => {
    this.#say({ kind: 'failed', error: error instanceof Error ? error.message : String(error) })
  }
}
