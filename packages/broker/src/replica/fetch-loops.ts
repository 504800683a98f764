import type { Clock } from '../host/clock.ts'
import type { LiveBrokers } from '../image/partition-change.ts'
import type { Logger } from '../telemetry/logger.ts'
import { FetchLoop } from './fetch-loop.ts'
import type { Follower } from './follower.ts'
import type { Peers } from './peers.ts'
import type { ReplicaSettings } from './replica-settings.ts'

export interface FetchLoopsParts {
  readonly peers: Peers
  readonly clock: Clock
  readonly logger: Logger
  readonly settings: ReplicaSettings
  readonly brokerId: number
  readonly brokerEpoch: () => number
  readonly brokers: LiveBrokers
}

interface Place {
  readonly key: string
  readonly loop: FetchLoop
}

/**
 * The fetch loops of this broker: per other broker one for replicas in sync, and one for those that catch up, which is
 * throttled and keeps nobody in sync waiting. A loop lives as long as the other broker's registration.
 */
export class FetchLoops {
  readonly #parts: FetchLoopsParts
  readonly #loops = new Map<string, FetchLoop>()
  readonly #places = new Map<Follower, Place>()

  constructor(parts: FetchLoopsParts) {
    this.#parts = parts
  }

  /** Puts a follower into the loop that it belongs to; moves it if it is in another. */
  place(follower: Follower, isInSync: boolean): void {
    const broker = this.#parts.brokers.get(follower.leader)
    if (broker === undefined) {
      this.remove(follower)
      return
    }
    const key = `${broker.id} ${broker.epoch} ${this.#parts.brokerEpoch()} ${isInSync ? 'in sync' : 'catching up'}`
    if (this.#places.get(follower)?.key === key) return
    this.remove(follower)
    const loop = this.#loops.get(key) ?? this.#open(key, follower.leader, isInSync)
    loop.add(follower)
    this.#places.set(follower, { key, loop })
  }

  remove(follower: Follower): void {
    const place = this.#places.get(follower)
    if (place === undefined) return
    this.#places.delete(follower)
    place.loop.remove(follower)
    if (place.loop.size > 0) return
    place.loop.close()
    this.#loops.delete(place.key)
  }

  close(): void {
    for (const loop of this.#loops.values()) loop.close()
    this.#loops.clear()
    this.#places.clear()
  }

  #open(key: string, leader: number, isInSync: boolean): FetchLoop {
    const { peers, clock, logger, settings, brokerId, brokerEpoch, brokers } = this.#parts
    const isThrottled = !isInSync && settings.catchUpBytesPerSecond >= 0
    const loop = new FetchLoop({
      session: peers.session(brokers.get(leader)!),
      clock,
      logger,
      replicaId: brokerId,
      replicaEpoch: brokerEpoch(),
      partitionBytesMax: settings.partitionBytesMax,
      answerBytesMax: settings.answerBytesMax,
      waitMsMax: settings.waitMsMax,
      backoffMs: settings.backoffMs,
      bytesPerSecondMax: isThrottled ? settings.catchUpBytesPerSecond : Infinity,
    })
    this.#loops.set(key, loop)
    return loop
  }
}
