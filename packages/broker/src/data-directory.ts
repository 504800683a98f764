import { crc32c } from './record/crc32c.ts'
import type { Disk } from './host/disk.ts'
import { DiskError } from './host/disk.ts'
import type { Random } from './host/random.ts'
import { BrokerError } from './errors/errors.ts'

/** Who a data directory belongs to; fixed when it is made. */
export interface DirectoryIdentity {
  /** Marks journal files, 32 hexadecimal digits. */
  directoryId: string
  /** 22 characters, base64url of a UUID; what Kafka clients see. */
  clusterId: string
  brokerId: number
  /** Whether the metadata store is part of the directory, or one that several brokers share. */
  metadata: 'embedded' | 'external'
}

/** Present layout of the data directory. docs/data-directory.md describes it; a newer one is refused. */
const formatVersion = 1
const fileName = 'polylog.json'
const entriesKnown: ReadonlySet<string> = new Set([
  fileName,
  `${fileName}.new`,
  'lock',
  'checkpoint',
  'checkpoint.new',
  'journal',
  'logs',
  'metadata',
  'orphans',
])

export interface OpenDirectory {
  /** Undefined in a directory that is new, until `adopt`. */
  readonly identity: DirectoryIdentity | undefined
  /**
   * Makes a new directory one of this cluster, for ever. One that has an identity already must be of that cluster.
   * @throws BrokerError 'storage'
   */
  adopt(clusterId: string): Promise<DirectoryIdentity>
  release(): void
}

export interface DirectoryUser {
  readonly brokerId: number
  readonly metadata: DirectoryIdentity['metadata']
}

/**
 * Locks the directory and finds out whose it is; makes the folder if there is none.
 * @throws BrokerError 'storage' with one sentence that says what is wrong and what to do
 */
export async function openDataDirectory(
  disk: Disk,
  random: Random,
  directory: string,
  user: DirectoryUser,
): Promise<OpenDirectory> {
  try {
    disk.makeDirectory(directory)
    // Without this a power loss could take the folder away with all that was synced inside it.
    await disk.syncDirectory(
      directory.slice(0, Math.max(directory.lastIndexOf('/'), 0)) || (directory.startsWith('/') ? '/' : '.'),
    )
    refuseForeign(disk, directory)
    const lock = disk.lock(`${directory}/lock`)
    try {
      let identity = readIdentity(disk, directory)
      if (identity) checkUser(directory, identity, user)
      const adopt = async (clusterId: string): Promise<DirectoryIdentity> => {
        identity ??= await makeIdentity(disk, random, directory, { ...user, clusterId })
        if (identity.clusterId === clusterId) return identity
        const detail = `${directory} belongs to cluster ${identity.clusterId}, not to cluster ${clusterId}; use another data directory`
        throw new BrokerError('storage', detail)
      }
      return { identity, adopt: (clusterId) => explained(directory, adopt(clusterId)), release: () => lock.release() }
    } catch (error) {
      lock.release()
      throw error
    }
  } catch (error) {
    throw inWords(error, directory)
  }
}

async function explained<T>(directory: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw inWords(error, directory)
  }
}

function inWords(error: unknown, directory: string): unknown {
  return error instanceof DiskError ? new BrokerError('storage', explain(error, directory), { cause: error }) : error
}

function checkUser(directory: string, identity: DirectoryIdentity, { brokerId, metadata }: DirectoryUser): void {
  if (identity.brokerId !== brokerId) {
    const detail = `${directory} belongs to broker ${identity.brokerId}, this is broker ${brokerId}; use another data directory or broker.id`
    throw new BrokerError('storage', detail)
  }
  if (identity.metadata === metadata) return
  const detail =
    metadata === 'embedded'
      ? `${directory} belongs to cluster ${identity.clusterId}, whose metadata is kept elsewhere; name that store with the setting "metadata" (--metadata)`
      : `${directory} belongs to a broker on its own, which keeps its metadata there; start it without the setting "metadata", or use another data directory`
  throw new BrokerError('storage', detail)
}

function explain(error: DiskError, directory: string): string {
  if (error.kind === 'locked') return `another broker uses the data directory ${directory}: ${error.message}`
  if (error.kind === 'denied' || error.kind === 'read-only') return `the data directory ${directory} cannot be written`
  return `the data directory cannot be used: ${error.message}`
}

/** A folder with files that are none of ours is probably a typing mistake. */
function refuseForeign(disk: Disk, directory: string): void {
  const stranger = disk.list(directory).find((name) => !entriesKnown.has(name) && name !== 'lost+found')
  if (stranger === undefined || disk.sizeOf(`${directory}/${fileName}`) !== undefined) return
  const detail = `${directory} is no Polylog data directory: it holds "${stranger}"; name an empty or new folder`
  throw new BrokerError('storage', detail)
}

/** Undefined if there is none. @throws BrokerError 'storage' if it is damaged or newer than this program */
export function readIdentity(disk: Disk, directory: string): DirectoryIdentity | undefined {
  const path = `${directory}/${fileName}`
  const size = disk.sizeOf(path)
  if (size === undefined) return undefined
  const file = disk.open(path, 'read')
  const bytes = Buffer.alloc(size)
  try {
    file.readNow(bytes, 0)
  } finally {
    file.close()
  }
  const damaged = new BrokerError('storage', `${path} is damaged; restore the data directory from a copy`)
  const match = /^(\{.*\}) ([0-9a-f]{8})\n$/s.exec(bytes.toString())
  if (!match || crc32c(Buffer.from(match[1]!)) !== Number.parseInt(match[2]!, 16)) throw damaged
  const stored = JSON.parse(match[1]!) as Partial<DirectoryIdentity> & { format: number }
  // Directories from before there were clusters do not say it.
  const { format, ...identity } = { metadata: 'embedded', ...stored } as DirectoryIdentity & { format: number }
  if (format > formatVersion) {
    throw new BrokerError('storage', `${directory} was written by a newer version of Polylog (layout ${format})`)
  }
  return identity
}

async function makeIdentity(
  disk: Disk,
  random: Random,
  directory: string,
  facts: Omit<DirectoryIdentity, 'directoryId'>,
): Promise<DirectoryIdentity> {
  const { clusterId, brokerId, metadata } = facts
  const directoryId = Buffer.from(random.bytes(16)).toString('hex')
  const identity: DirectoryIdentity = { directoryId, clusterId, brokerId, metadata }
  const json = JSON.stringify({ format: formatVersion, ...identity })
  const path = `${directory}/${fileName}.new`
  const file = disk.open(path, 'write')
  try {
    file.truncate(0)
    file.write([Buffer.from(`${json} ${crc32c(Buffer.from(json)).toString(16).padStart(8, '0')}\n`)], 0)
    await file.sync()
  } finally {
    file.close()
  }
  disk.rename(path, `${directory}/${fileName}`)
  await disk.syncDirectory(directory)
  return identity
}
