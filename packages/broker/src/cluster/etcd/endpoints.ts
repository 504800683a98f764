import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'

interface Endpoint {
  readonly url: string
  /** Until then, in monotonic time, others are taken first. */
  avoidUntilMs: number
}

const avoidMs = 5000

/** The members of the cluster, and which of them to ask. One is used as long as it serves, since its connections are warm. */
export class Endpoints {
  readonly #clock: Clock
  readonly #all: readonly Endpoint[]
  #preferred: number

  /** The first choice is random, so that brokers do not all lean on the same member. */
  constructor(urls: readonly string[], clock: Clock, random: Random) {
    this.#clock = clock
    this.#all = urls.map((url) => ({ url, avoidUntilMs: 0 }))
    this.#preferred = Math.floor(random.next() * urls.length)
  }

  /** The best one that is not in `tried`; undefined when all are. */
  pick(tried: ReadonlySet<string>): string | undefined {
    const nowMs = this.#clock.monotonicMs()
    let best: number | undefined
    for (let step = 0; step < this.#all.length; step++) {
      const index = (this.#preferred + step) % this.#all.length
      const { url, avoidUntilMs } = this.#all[index]!
      if (tried.has(url)) continue
      if (avoidUntilMs <= nowMs) return url
      if (best === undefined || avoidUntilMs < this.#all[best]!.avoidUntilMs) best = index
    }
    return best === undefined ? undefined : this.#all[best]!.url
  }

  served(url: string): void {
    const index = this.#indexOf(url)
    this.#all[index]!.avoidUntilMs = 0
    this.#preferred = index
  }

  failed(url: string): void {
    const index = this.#indexOf(url)
    this.#all[index]!.avoidUntilMs = this.#clock.monotonicMs() + avoidMs
    if (index === this.#preferred) this.#preferred = (index + 1) % this.#all.length
  }

  #indexOf(url: string): number {
    return this.#all.findIndex((endpoint) => endpoint.url === url)
  }
}
