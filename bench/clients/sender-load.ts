import type { Window } from '../load/window.ts'
import type { ClientJob, Sender } from './client.ts'
import { machineMs } from './stamp.ts'

/** Messages that are handed over in one call, as a program does that has many to send. */
const CHUNK = 100
/** A timer fires up to this late without anybody being at fault; later than that, latency counts from the plan. */
const LATE_MS = 2
/** Seconds that an open loop may be behind. */
const BEHIND_SECONDS_MAX = 2

/** Keeps a sender busy until stopped: as much in flight as the job allows, or on schedule. */
export class SenderLoad {
  readonly #sender: Sender
  readonly #job: ClientJob
  readonly #window: Window
  readonly #failed: (error: unknown) => void
  readonly #startedAtMs = machineMs()
  #sentCount = 0
  #acceptedCount = 0
  #isStopped = false
  #drained: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  /** Messages that the server has confirmed. */
  confirmedCount = 0

  constructor(sender: Sender, job: ClientJob, window: Window, failed: (error: unknown) => void) {
    this.#sender = sender
    this.#job = job
    this.#window = window
    this.#failed = failed
  }

  start(): void {
    if (this.#job.messagesPerSecond === undefined) this.#fill()
    else this.#tick(this.#job.messagesPerSecond)
  }

  /** So many messages have been accepted by consumers in all. */
  accepted(count: number): void {
    this.#acceptedCount = count
    if (this.#job.messagesPerSecond === undefined) this.#fill()
  }

  /** Sends no more; resolves when all that was sent is confirmed. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    if (this.confirmedCount < this.#sentCount) await new Promise<void>((resolve) => (this.#drained = resolve))
  }

  #fill(): void {
    const { inFlightMax, backlogMax = Number.POSITIVE_INFINITY } = this.#job
    while (
      !this.#isStopped &&
      this.#sentCount - this.confirmedCount + CHUNK <= inFlightMax &&
      this.#sentCount - this.#acceptedCount + CHUNK <= backlogMax
    ) {
      this.#send(CHUNK, machineMs())
    }
  }

  #tick(perSecond: number): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(() => this.#tick(perSecond), 1)
    const nowMs = machineMs()
    const count = Math.floor(((nowMs - this.#startedAtMs) * perSecond) / 1000) - this.#sentCount
    if (count <= 0) return
    const isBehind = this.#sentCount - this.#acceptedCount > perSecond * BEHIND_SECONDS_MAX
    if (isBehind && this.#job.mayFallBehind !== true) {
      this.#isStopped = true
      this.#failed(new Error(`it cannot keep up with ${perSecond} messages/s: ${BEHIND_SECONDS_MAX} s behind`))
      return
    }
    const plannedMs = this.#startedAtMs + (this.#sentCount / perSecond) * 1000
    this.#send(count, nowMs - plannedMs > LATE_MS ? plannedMs : nowMs)
  }

  #send(count: number, sentAtMs: number): void {
    this.#sentCount += count
    this.#sender.send(count, sentAtMs).then(() => this.#confirmed(count, sentAtMs), this.#failed)
  }

  #confirmed(count: number, sentAtMs: number): void {
    this.confirmedCount += count
    const latencyMs = machineMs() - sentAtMs
    for (let i = 0; i < count; i++) this.#window.answered(latencyMs, this.#job.valueBytes, 1)
    if (this.#job.messagesPerSecond === undefined) this.#fill()
    if (this.#isStopped && this.confirmedCount === this.#sentCount) this.#drained?.()
  }
}
