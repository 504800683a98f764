import { BrokerError } from '../errors/errors.ts'
import type { Clock, Timer } from '../host/clock.ts'
import type { AppendFault } from '../topic/partition.ts'
import type { LeaderTerm } from './leader-term.ts'

interface Waiting {
  target: number
  timer: Timer
  resolve: () => void
  reject: (error: BrokerError) => void
}

/** Longest wait for followers; Kafka's default of `request.timeout.ms`. */
const waitMsMax = 30_000

/**
 * Deletions that wait for the in-sync followers to have them too, as Kafka's DeleteRecords does, and for those that are
 * eligible: any of them may be the next leader, and would bring the records back.
 */
export class FollowerStarts {
  readonly #clock: Clock
  #waiting: Waiting[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when all who may be the next leader begin at `target` or later. @throws BrokerError 'timed-out', or as `fail` */
  reached(term: LeaderTerm, target: number): Promise<void> {
    if (hasAll(term, target)) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const timer = this.#clock.startTimer(waitMsMax, () => {
        this.#waiting = this.#waiting.filter((each) => each.timer !== timer)
        reject(
          new BrokerError('timed-out', 'the records are deleted here, but not yet on all replicas that may lead next'),
        )
      })
      this.#waiting.push({ target, timer, resolve, reject })
    })
  }

  /** A follower has fetched, or the ISR has changed. */
  check(term: LeaderTerm): void {
    if (this.#waiting.length === 0) return
    const done = this.#waiting.filter(({ target }) => hasAll(term, target))
    this.#waiting = this.#waiting.filter((each) => !done.includes(each))
    for (const { timer, resolve } of done) {
      timer.cancel()
      resolve()
    }
  }

  fail(fault: AppendFault): void {
    for (const { timer, reject } of this.#waiting.splice(0)) {
      timer.cancel()
      reject(new BrokerError(fault.code, fault.detail))
    }
  }
}

function hasAll(term: LeaderTerm, target: number): boolean {
  if (term.electableFollowers.some(({ logStartOffset }) => logStartOffset < target)) return false
  term.deletedBefore = Math.max(term.deletedBefore, target)
  return true
}
