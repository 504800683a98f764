import type { MetadataStore } from './cluster/metadata-store.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import { Controller } from './controller/controller.ts'
import { ControllerElection } from './controller/election.ts'
import type { Clock } from './host/clock.ts'
import type { ImageFeed } from './image/image-feed.ts'
import type { Registration } from './membership/registration.ts'
import type { Logger } from './telemetry/logger.ts'

export interface ControllerCandidateParts {
  readonly store: MetadataStore
  readonly feed: ImageFeed
  readonly clock: Clock
  readonly logger: Logger
  readonly settings: BrokerSettings
  readonly registration: Registration
}

/** This broker as a candidate for controller, anew with each registration: the office stands under its lease. */
export class ControllerCandidate {
  readonly #parts: ControllerCandidateParts
  readonly #forget: () => void
  #election: ControllerElection | undefined
  #controller: Controller | undefined
  /** Of former registrations. */
  readonly #ending = new Set<Promise<void>>()

  /** Stands at once if this broker is registered. */
  constructor(parts: ControllerCandidateParts) {
    this.#parts = parts
    this.#forget = parts.registration.onEpoch(() => this.#stand())
    this.#stand()
  }

  /** Ends the candidacy, and control if this broker has it; waits for a write under way. */
  async close(): Promise<void> {
    this.#forget()
    this.#withdraw()
    await Promise.all(this.#ending)
  }

  #stand(): void {
    const { registration, settings, ...common } = this.#parts
    const { lease, epoch: brokerEpoch } = registration
    if (lease === undefined) return
    this.#withdraw()
    this.#election = new ControllerElection({ ...common, lease, brokerId: settings.brokerId, brokerEpoch })
    this.#controller = new Controller({ ...common, settings, election: this.#election })
    this.#controller.start()
    this.#election.start()
  }

  #withdraw(): void {
    this.#election?.stop()
    const ended = this.#controller?.close()
    if (ended === undefined) return
    this.#ending.add(ended)
    void ended.finally(() => this.#ending.delete(ended))
  }
}
