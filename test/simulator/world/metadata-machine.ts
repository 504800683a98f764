import type { EmbeddedMetadataStore } from '../../../packages/broker/src/cluster/embedded/embedded-store.ts'
import type { MetadataStore } from '../../../packages/broker/src/cluster/metadata-store.ts'
import type { Scheduler } from '../../../packages/broker/src/host/simulated/scheduler.ts'
import type { SimulatedNode } from '../../../packages/broker/src/host/simulated/simulated-node.ts'
import type { ClusterImage } from '../../../packages/broker/src/image/cluster-image.ts'
import type { Recorder } from '../clients/recorder.ts'
import { MetadataServer } from '../metadata/metadata-server.ts'
import { RecordingMetadataStore } from '../metadata/recording-store.ts'

const nothing = (): void => {}

/** The machine with the metadata store of a simulated cluster; its process comes back by itself after a death. */
export class MetadataMachine {
  readonly #node: SimulatedNode
  readonly #scheduler: Scheduler
  #isAway = false
  #server: MetadataServer | undefined
  #life = 0
  #listener: () => void = nothing
  readonly #failed: (what: string, error: unknown) => void

  constructor(node: SimulatedNode, scheduler: Scheduler, failed: (what: string, error: unknown) => void) {
    this.#node = node
    this.#scheduler = scheduler
    this.#failed = failed
    this.#start()
  }

  /** What is stored; undefined while the machine is away. */
  get image(): ClusterImage | undefined {
    return this.#server?.feed.image
  }

  /** The store itself; undefined while the machine is away. */
  get store(): EmbeddedMetadataStore | undefined {
    return this.#server?.store
  }

  /** The store for somebody on its machine who is written down as `client`; undefined while it is away. */
  storeOf(client: string, recorder: Recorder): MetadataStore | undefined {
    if (this.store === undefined) return undefined
    return new RecordingMetadataStore(this.store, recorder.metadata, client, () => recorder.tick())
  }

  /** Calls `listener`, the only one, whenever something has been stored. */
  onChange(listener: () => void): void {
    this.#listener = listener
  }

  /** The process dies, or the whole machine; what was answered stays. False if it is dead already. */
  die(end: 'kill' | 'power', absenceMs: number): boolean {
    if (this.#isAway) return false
    this.#isAway = true
    this.#server = undefined
    this.#life += 1
    if (end === 'kill') this.#node.killProcess()
    else this.#node.losePower()
    this.#scheduler.schedule(absenceMs, 'metadata again', () => {
      if (end === 'power') this.#node.powerOn()
      this.#isAway = false
      this.#start()
    })
    return true
  }

  #start(): void {
    const life = this.#life
    MetadataServer.start(this.#node.host).then(
      (server) => {
        if (this.#life !== life) return
        this.#server = server
        server.feed.onChange(() => this.#listener())
      },
      (error: unknown) => this.#failed('the metadata store', error),
    )
  }
}
