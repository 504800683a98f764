import { EtcdMetadataStore } from '../../packages/broker/src/cluster/etcd/etcd-store.ts'
import type { EtcdStoreOptions } from '../../packages/broker/src/cluster/etcd/etcd-store.ts'
import { NodeClock } from '../../packages/broker/src/host/node/node-clock.ts'
import { NodeHttpClient } from '../../packages/broker/src/host/node/node-http-client.ts'
import type { TlsFiles } from '../../packages/broker/src/host/node/node-http-client.ts'
import { NodeRandom } from '../../packages/broker/src/host/node/node-random.ts'

export interface ConnectOptions extends Partial<Omit<EtcdStoreOptions, 'endpoints' | 'clock' | 'http'>> {
  readonly tls?: TlsFiles
}

/** A store on real members, in real time. */
export function connectStore(endpoints: readonly string[], options: ConnectOptions = {}): Promise<EtcdMetadataStore> {
  const { tls, ...rest } = options
  const http = new NodeHttpClient(tls === undefined ? {} : { tls })
  return EtcdMetadataStore.connect({ clock: new NodeClock(), random: new NodeRandom(), http, endpoints, ...rest })
}
