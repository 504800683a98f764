import { putIfAbsent } from '../cluster/compare-and-set.ts'
import type { MetadataStore } from '../cluster/metadata-store.ts'
import { BrokerError } from '../errors/errors.ts'
import type { Random } from '../host/random.ts'
import { clusterKey } from '../image/keys.ts'
import type { ClusterRecord } from '../image/records.ts'

const secretBytes = 32

export interface KnownCluster {
  /** Cluster id of the data directory; undefined if that is new. */
  readonly clusterId: string | undefined
  /** Whether a data directory that is in use may go with a store that knows no cluster: only if the store is part of it. */
  readonly mayFound: boolean
}

/**
 * What the metadata store says about the cluster; the first broker of all makes it.
 * @throws BrokerError 'invalid-config' if store and data directory belong to different clusters, MetadataError
 */
export async function ensureCluster(store: MetadataStore, random: Random, known: KnownCluster): Promise<ClusterRecord> {
  const { clusterId, mayFound } = known
  const present = await store.get(clusterKey)
  const record = present ? readCluster(present.value) : undefined
  if (record === undefined && clusterId !== undefined && !mayFound) {
    // Going on would take every log in the directory for one whose topic has been deleted.
    const detail = `the data directory belongs to cluster ${clusterId}, but the metadata store holds no cluster at all; check its address and prefix`
    throw new BrokerError('invalid-config', detail)
  }
  const cluster = record ?? (await found(store, random, clusterId))
  if (clusterId === undefined || clusterId === cluster.id) return cluster
  const detail = `the data directory belongs to cluster ${clusterId}, the metadata store to cluster ${cluster.id}; use the store or the directory of the other one`
  throw new BrokerError('invalid-config', detail)
}

async function found(store: MetadataStore, random: Random, clusterId: string | undefined): Promise<ClusterRecord> {
  const record: ClusterRecord = {
    id: clusterId ?? Buffer.from(random.bytes(16)).toString('base64url'),
    secret: Buffer.from(random.bytes(secretBytes)).toString('hex'),
  }
  const { keyValue } = await putIfAbsent(store, clusterKey, JSON.stringify(record))
  return keyValue === undefined ? record : readCluster(keyValue.value)
}

function readCluster(value: string): ClusterRecord {
  const record = JSON.parse(value) as Partial<ClusterRecord>
  if (typeof record.id === 'string' && /^[0-9a-f]{64}$/.test(record.secret ?? '')) return record as ClusterRecord
  throw new BrokerError('invalid-config', `the metadata store holds a ${clusterKey} that no Polylog broker has written`)
}
