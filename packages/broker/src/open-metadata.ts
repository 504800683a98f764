import { EmbeddedMetadataStore } from './cluster/embedded/embedded-store.ts'
import type { MetadataStore } from './cluster/metadata-store.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import { BrokerError } from './errors/errors.ts'
import type { Disk } from './host/disk.ts'
import type { Host } from './host/host.ts'
import type { HttpClient } from './host/http-client.ts'
import { readPasswordFile } from './password-file.ts'
import type { Logger } from './telemetry/logger.ts'

/** Files in PEM; without `ca` the system's authorities are trusted. */
export interface TlsFiles {
  ca?: string
  cert?: string
  key?: string
}

export type OpenHttpClient = (tls: TlsFiles) => Promise<HttpClient>

export interface OpenMetadata {
  readonly store: MetadataStore
  /** Why a restart is the only cure; undefined while the store is sound. */
  failure(): string | undefined
  close(): Promise<void>
}

/** Whether the metadata store belongs to this broker alone. */
export function isEmbedded(settings: BrokerSettings): boolean {
  return settings.metadata.trim().toLowerCase() === 'embedded'
}

/** Opens the store in the data directory, which must be locked. @throws MetadataError */
export async function openEmbedded(
  disk: Disk,
  host: Host,
  settings: BrokerSettings,
  logger: Logger,
): Promise<OpenMetadata> {
  const directory = `${settings.dataDirectory}/metadata`
  const store = await EmbeddedMetadataStore.open({ disk, clock: host.clock, directory, logger })
  return { store, failure: () => store.failure, close: () => store.close() }
}

/** Connects to etcd. @throws BrokerError 'invalid-config', MetadataError */
export async function connectToEtcd(
  host: Host,
  settings: BrokerSettings,
  logger: Logger,
  openHttpClient: OpenHttpClient | undefined,
): Promise<OpenMetadata> {
  // A broker on its own does not pay for loading this.
  const [{ EtcdMetadataStore }, { parseEtcdAddress }] = await Promise.all([
    import('./cluster/etcd/etcd-store.ts'),
    import('./cluster/etcd/etcd-address.ts'),
  ])
  const address = inSettingTerms(() => parseEtcdAddress(settings.metadata.trim()))
  if (openHttpClient === undefined) throw new BrokerError('invalid-config', 'metadata: there is no way to etcd here')
  const { metadataTlsCaFile: ca, metadataTlsCertificateFile: cert, metadataTlsKeyFile: key, metadataUser } = settings
  if ((cert === '') !== (key === '')) {
    throw new BrokerError('invalid-config', 'metadata.tls.certificate.file and metadata.tls.key.file go together')
  }
  const http = await openHttpClient({
    ...(ca !== '' && { ca }),
    ...(cert !== '' && { cert, key }),
  })
  const store = await EtcdMetadataStore.connect({
    clock: host.clock,
    random: host.random,
    http,
    logger,
    ...address,
    ...(metadataUser !== '' && { credentials: { user: metadataUser, password: readPassword(host.disk, settings) } }),
  })
  return { store, failure: () => undefined, close: () => store.close() }
}

function inSettingTerms<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new BrokerError('invalid-config', `metadata: ${error.message}`, { cause: error })
  }
}

function readPassword(disk: Disk, { metadataPasswordFile: path }: BrokerSettings): string {
  if (path === '') throw new BrokerError('invalid-config', 'metadata.user needs metadata.password.file')
  return readPasswordFile(disk, 'metadata.password.file', path)
}
