import { MetadataError } from '../cluster/metadata-error.ts'
import type { Comparison, MetadataStore } from '../cluster/metadata-store.ts'
import type { Clock } from '../host/clock.ts'
import type { ImageFeed } from '../image/image-feed.ts'
import { brokerKey, controllerKey } from '../image/keys.ts'
import type { BrokerRecord, LiveBroker } from '../image/records.ts'
import type { Logger } from '../telemetry/logger.ts'
import { LifeLine } from './life-line.ts'
import type { PeerLine } from './life-line.ts'

/** The way to other brokers. */
export interface LinePeers {
  /** See `LifeLineParts.dial`; `brokerEpoch` is this broker's own. */
  line(broker: LiveBroker, brokerEpoch: number): Promise<PeerLine | 'refused'>
}

export interface LifeLinesParts {
  readonly store: Pick<MetadataStore, 'get' | 'transaction'>
  /** Started. */
  readonly feed: ImageFeed
  readonly clock: Clock
  readonly logger: Logger
  readonly peers: LinePeers
  readonly brokerId: number
  /** Epoch of this broker's present or last registration. */
  readonly brokerEpoch: () => number
  /** `broker.refused.confirm.ms` */
  readonly confirmMs: number
}

interface Watched {
  readonly epoch: number
  readonly line: LifeLine
}

/**
 * A life line to every other broker, so that a process that has died is replaced at once and not when its lease has run
 * out. The registration of one that refuses connections is taken back by the controller; if it is the controller itself,
 * by whoever sees it. A mistake costs a fail-over and nothing else: who is alive registers anew, and what it did
 * in between is fenced by its old epoch, as after a lease that ran out.
 */
export class LifeLines {
  readonly #parts: LifeLinesParts
  readonly #watched = new Map<number, Watched>()
  readonly #forgetFeed: () => void

  constructor(parts: LifeLinesParts) {
    this.#parts = parts
    this.#forgetFeed = parts.feed.onChange((change) => {
      if (change.brokers.size > 0) this.#follow()
      // Who has been elected just now may take back what this broker saw before.
      if (change.controller) for (const { line } of this.#watched.values()) line.look()
    })
    this.#follow()
  }

  close(): void {
    this.#forgetFeed()
    for (const { line } of this.#watched.values()) line.close()
    this.#watched.clear()
  }

  /** One line for each registration that there is. Who stops closes its port and is left alone. */
  #follow(): void {
    const { feed, brokerId } = this.#parts
    const { brokers } = feed.image
    for (const [id, { epoch, line }] of this.#watched) {
      const broker = brokers.get(id)
      if (broker?.epoch === epoch && broker.status === 'serving') continue
      line.close()
      this.#watched.delete(id)
    }
    for (const broker of brokers.values()) {
      const { id, epoch, status } = broker
      if (id === brokerId || status !== 'serving' || this.#watched.has(id)) continue
      this.#watched.set(id, { epoch, line: this.#open(broker) })
    }
  }

  #open(broker: LiveBroker): LifeLine {
    const { clock, logger, confirmMs, peers, brokerEpoch } = this.#parts
    return new LifeLine({
      dial: () => peers.line(broker, brokerEpoch()),
      clock,
      logger,
      confirmMs,
      refused: () => this.#refused(broker),
    })
  }

  async #refused(broker: LiveBroker): Promise<void> {
    const fence = this.#fence(broker)
    if (fence === undefined) return
    const { logger } = this.#parts
    const fields = { broker: broker.id, epoch: broker.epoch, address: `${broker.host}:${broker.port}` }
    try {
      if (await this.#takeBack(broker, fence)) {
        logger.warn('a broker is gone: its port is closed, and its registration is taken back', fields)
      }
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error
      logger.warn('a broker that is gone cannot be taken out yet', { ...fields, error: error.message })
    }
  }

  /** By what this broker may take a registration back; undefined if it may not. */
  #fence({ id, epoch }: LiveBroker): Comparison | undefined {
    const { feed, brokerId, brokerEpoch } = this.#parts
    const { controller } = feed.image
    if (controller === undefined) return undefined
    const isOurs = controller.brokerId === brokerId && controller.brokerEpoch === brokerEpoch()
    if (isOurs) return { key: controllerKey, target: 'createRevision', operator: '=', value: controller.epoch }
    const isTheirs = controller.brokerId === id && controller.brokerEpoch === epoch
    if (!isTheirs) return undefined
    return { key: brokerKey(brokerId), target: 'createRevision', operator: '=', value: brokerEpoch() }
  }

  /**
   * Removes the key if it is still of this registration, and of a broker that does not stop. The lease is left to run out:
   * nothing hangs on it any more but the office of controller, which nobody holds without a registration.
   */
  async #takeBack({ id, epoch }: LiveBroker, fence: Comparison): Promise<boolean> {
    const { store } = this.#parts
    const key = brokerKey(id)
    const found = await store.get(key)
    if (found?.createRevision !== epoch) return false
    const { status } = JSON.parse(found.value) as BrokerRecord
    if (status !== 'serving') return false
    const { succeeded } = await store.transaction({
      compare: [fence, { key, target: 'modRevision', operator: '=', value: found.modRevision }],
      then: [{ kind: 'delete', key }],
    })
    return succeeded
  }
}
