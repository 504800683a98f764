import { EmbeddedMetadataStore } from '../../../packages/broker/src/cluster/embedded/embedded-store.ts'
import { MetadataError } from '../../../packages/broker/src/cluster/metadata-error.ts'
import type { MetadataStore, Watch } from '../../../packages/broker/src/cluster/metadata-store.ts'
import type { Host } from '../../../packages/broker/src/host/host.ts'
import type { Connection } from '../../../packages/broker/src/host/network.ts'
import { ImageFeed } from '../../../packages/broker/src/image/image-feed.ts'
import { silentLogger } from '../../../packages/broker/src/telemetry/logger.ts'
import { LineChannel } from './line-channel.ts'
import { metadataPort } from './protocol.ts'
import type { Answer, Ask } from './protocol.ts'

/** The metadata machine of a simulated cluster: an embedded store that brokers reach over the network, as they do etcd. */
export class MetadataServer {
  readonly store: EmbeddedMetadataStore
  /** What is stored, without any network in between: for probes. */
  readonly feed: ImageFeed

  private constructor(store: EmbeddedMetadataStore, feed: ImageFeed) {
    this.store = store
    this.feed = feed
  }

  static async start(host: Host): Promise<MetadataServer> {
    const { disk, clock, network } = host
    const store = await EmbeddedMetadataStore.open({ disk, clock, directory: 'metadata', logger: silentLogger })
    const feed = new ImageFeed({ store, clock, logger: silentLogger })
    await feed.start()
    await network.listen({ host: '0.0.0.0', port: metadataPort }, (connection) => serve(store, connection))
    return new MetadataServer(store, feed)
  }
}

function serve(store: MetadataStore, connection: Connection): void {
  const watches = new Map<number, Watch>()
  const end = (): void => {
    for (const watch of watches.values()) watch.cancel()
  }
  const channel = new LineChannel(connection, (value) => answer(value as Ask), end)
  const send = (value: Answer): void => channel.send(value)

  function answer(ask: Ask): void {
    if (ask.call === 'cancel') watches.get(ask.id)?.cancel()
    else if (ask.call === 'watch') watches.set(ask.id, watch(ask.id, ask.prefix, ask.fromRevision))
    else {
      const method = store[ask.call] as (...args: unknown[]) => Promise<unknown>
      method.apply(store, ask.args).then(
        (value) => send({ id: ask.id, value }),
        (error: unknown) => {
          if (!(error instanceof MetadataError)) throw error
          send({ id: ask.id, error: error.kind, message: error.message })
        },
      )
    }
  }

  function watch(id: number, prefix: string, fromRevision: number): Watch {
    return store.watch(prefix, fromRevision, (outcome) => {
      if (outcome.kind === 'changes') send({ id, changes: { revision: outcome.revision, events: outcome.events } })
      else if (outcome.kind === 'compacted') send({ id, compacted: outcome.compactRevision })
      // The store has failed: its machine is about to be started again, and who watches connects anew.
      else channel.close()
    })
  }
}
