import type { Scheduler } from './scheduler.ts'
import type { SimulatedRandom } from './simulated-random.ts'

export interface LinkOptions {
  /** A packet is under way between these times. */
  latencyMs: { min: number; max: number }
  /** Bytes the link carries in a millisecond, over all its connections; Infinity for no limit. */
  bytesPerMs: number
}

/** The way from one machine to another. The way back is a link of its own, so that either can be cut alone. */
export class NetworkLink {
  readonly label: string
  readonly options: LinkOptions
  readonly #scheduler: Scheduler
  readonly #random: SimulatedRandom
  #cut = false
  /** By what happens: a text put together anew for each event would have to be made flat for the event hash. */
  readonly #labels = new Map<string, string>()
  #freeAtMs = 0
  #waiting: (() => void)[] = []

  constructor(scheduler: Scheduler, label: string, options: LinkOptions) {
    this.#scheduler = scheduler
    this.label = label
    this.options = options
    this.#random = scheduler.random.stream(`link ${label}`)
  }

  /** The label of events of one kind on this link. */
  labelOf(kind: string): string {
    let label = this.#labels.get(kind)
    if (label === undefined) {
      label = `${this.label} ${kind}`
      this.#labels.set(kind, label)
    }
    return label
  }

  get isCut(): boolean {
    return this.#cut
  }

  /** Nothing gets through until `heal`; what is under way waits, as TCP sends it again and again. */
  cut(): void {
    this.#cut = true
  }

  heal(): void {
    this.#cut = false
    for (const each of this.#waiting.splice(0)) each()
  }

  onHeal(callback: () => void): void {
    this.#waiting.push(callback)
  }

  /** When a packet of `bytes` sent now gets there, not before `notBeforeMs`. */
  arrivalMs(bytes: number, notBeforeMs: number): number {
    this.#freeAtMs = Math.max(this.#freeAtMs, this.#scheduler.nowMs) + bytes / this.options.bytesPerMs
    const { min, max } = this.options.latencyMs
    return Math.max(notBeforeMs, this.#freeAtMs + this.#random.between(min, max))
  }

  /** A number of bytes that may arrive as one piece of `bytes`: mostly all of them, sometimes any part. */
  pieceOf(bytes: number): number {
    return bytes > 1 && this.#random.chance(0.2) ? 1 + this.#random.below(bytes) : bytes
  }
}

/** The packets of one connection in one direction: they arrive in order, and each once. */
export class PacketLane {
  readonly link: NetworkLink
  readonly #scheduler: Scheduler
  readonly #packets: (() => void)[] = []
  #lastArrivalMs = 0
  #heldCount = 0

  constructor(scheduler: Scheduler, link: NetworkLink) {
    this.#scheduler = scheduler
    this.link = link
  }

  /** Lets `arrive` happen at the other end. */
  send(bytes: number, label: string, arrive: () => void): void {
    this.#packets.push(arrive)
    this.#lastArrivalMs = this.link.arrivalMs(bytes, this.#lastArrivalMs)
    const delayMs = this.#lastArrivalMs - this.#scheduler.nowMs
    // Each arrival takes the oldest packet, so that events of the same moment, which happen in any order, keep the order.
    this.#scheduler.schedule(delayMs, this.link.labelOf(label), () => this.#arrive())
  }

  #arrive(): void {
    if (!this.link.isCut) return this.#packets.shift()!()
    this.#heldCount += 1
    if (this.#heldCount > 1) return
    this.link.onHeal(() => {
      const count = this.#heldCount
      this.#heldCount = 0
      const delayMs = Math.max(0, this.link.arrivalMs(0, 0) - this.#scheduler.nowMs)
      for (let index = 0; index < count; index += 1) {
        this.#scheduler.schedule(delayMs, this.link.labelOf('again'), () => this.#arrive())
      }
    })
  }
}
