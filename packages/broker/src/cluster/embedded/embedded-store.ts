import type { Clock } from '../../host/clock.ts'
import { DiskError } from '../../host/disk.ts'
import type { Disk } from '../../host/disk.ts'
import { silentLogger } from '../../telemetry/logger.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { MetadataError } from '../metadata-error.ts'
import type { KeyValue, Lease, LeaseId, MetadataStore, RangeOptions, RangeResult } from '../metadata-store.ts'
import type { Transaction, TransactionResult, Watch, WatchListener } from '../metadata-store.ts'
import { checkKey, checkLease, checkPrefix, checkRange, checkRevision, checkTransaction, checkTtl } from '../request.ts'
import { changesOf } from './entry.ts'
import type { Change } from './entry.ts'
import { evaluate } from './evaluation.ts'
import { GroupCommit } from './group-commit.ts'
import type { Made } from './group-commit.ts'
import { LeaseTimers } from './lease-timers.ts'
import { embeddedStoreLimits } from './limits.ts'
import type { EmbeddedStoreLimits } from './limits.ts'
import { recover } from './recovery.ts'
import type { State } from './state.ts'
import { emptyState, keysUnder } from './state.ts'
import { StoreFile, storePath } from './store-file.ts'
import { Watches } from './watches.ts'

/** Time after which the end of a lease that could not be written is tried again. */
const expiryRetryMs = 1000

/** Bytes that a lease request counts against `pendingBytesMax`. */
const leaseRequestBytes = 64

export interface EmbeddedStoreOptions {
  readonly disk: Disk
  readonly clock: Clock
  /**
   * Folder of the store, made if missing; the folder it stands in must be there, durably. The caller keeps other
   * processes out of it (Disk.lock).
   */
  readonly directory: string
  readonly logger?: Logger
  readonly limits?: Partial<EmbeddedStoreLimits>
}

/**
 * A metadata store inside this process: state in memory, durable by one file. Leases that exist when it is opened start
 * with their full time to live. docs/metadata.md describes limits and file format.
 */
export class EmbeddedMetadataStore implements MetadataStore {
  readonly #clock: Clock
  readonly #state: State
  readonly #file: StoreFile
  readonly #limits: EmbeddedStoreLimits
  readonly #logger: Logger
  readonly #watches: Watches
  readonly #commit: GroupCommit
  readonly #timers: LeaseTimers
  #closing: Promise<void> | undefined

  /**
   * Opens or creates the store.
   * Rejects with MetadataError 'corrupt' (message with file and position; the file is left alone), or 'unavailable' when
   * the disk fails. After a crash it writes a new snapshot, for which the disk must have room.
   */
  static async open(options: EmbeddedStoreOptions): Promise<EmbeddedMetadataStore> {
    const { disk, directory } = options
    const limits = { ...embeddedStoreLimits, ...options.limits }
    const recovered = recover(disk, storePath(directory))
    const state = recovered?.state ?? emptyState()
    try {
      if (recovered === undefined) {
        disk.makeDirectory(directory)
        await disk.syncDirectory(parentOf(directory))
      }
      const file = new StoreFile(disk, directory, limits.entriesBytesMin, recovered)
      if (recovered?.clean !== true) await file.replace(state)
      return new EmbeddedMetadataStore(options, limits, state, file)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      throw new MetadataError('unavailable', `cannot open the metadata store: ${error.message}`, { cause: error })
    }
  }

  private constructor(options: EmbeddedStoreOptions, limits: EmbeddedStoreLimits, state: State, file: StoreFile) {
    this.#clock = options.clock
    this.#logger = options.logger ?? silentLogger
    this.#limits = limits
    this.#state = state
    this.#file = file
    this.#watches = new Watches(limits.watchesMax)
    this.#commit = new GroupCommit(options.clock, state, file, limits, this.#logger, {
      committed: () => this.#committed(),
      failed: (error) => this.#watches.fail(error),
    })
    this.#timers = new LeaseTimers(options.clock, (id) => this.#expire(id))
    for (const [id, ttlMs] of state.leases.entries()) this.#timers.start(id, ttlMs)
  }

  async get(key: string): Promise<KeyValue | undefined> {
    this.#checkOpen()
    checkKey(key)
    return this.#state.keys.get(key, this.#commit.revisionCommitted)
  }

  async range(prefix: string, options: RangeOptions = {}): Promise<RangeResult> {
    this.#checkOpen()
    checkRange(prefix, options)
    const revision = this.#commit.revisionCommitted
    const atRevision = options.atRevision ?? revision
    this.#state.keys.checkReadable(atRevision, revision)
    return { revision, ...this.#state.keys.range(prefix, atRevision, options.limit) }
  }

  async transaction(transaction: Transaction): Promise<TransactionResult> {
    this.#checkOpen()
    const bytes = checkTransaction(transaction)
    return this.#commit.submit(bytes, () => this.#transact(transaction))
  }

  watch(prefix: string, fromRevision: number, listener: WatchListener): Watch {
    this.#checkOpen()
    checkPrefix(prefix)
    checkRevision(fromRevision, 1)
    if (this.#commit.failure !== undefined) throw this.#commit.failure
    const watch = this.#watches.add(prefix, fromRevision, listener)
    this.#clock.endOfTurn(() => this.#deliver())
    return watch
  }

  async grantLease(ttlMs: number): Promise<Lease> {
    this.#checkOpen()
    checkTtl(ttlMs)
    const lease = await this.#commit.submit(leaseRequestBytes, () => this.#grant(ttlMs))
    if (this.#closing === undefined) this.#timers.start(lease.id, ttlMs)
    return lease
  }

  async keepAlive(id: LeaseId): Promise<Lease> {
    this.#checkOpen()
    checkLease(id)
    if (this.#commit.failure !== undefined) throw this.#commit.failure
    const ttlMs = this.#state.leases.ttlOf(id)
    if (ttlMs === undefined || !this.#timers.renew(id, ttlMs)) throw leaseNotFound(id)
    return { id, ttlMs }
  }

  async revokeLease(id: LeaseId): Promise<void> {
    this.#checkOpen()
    checkLease(id)
    await this.#endLease(id)
  }

  /**
   * Forgets what is needed only for revisions before `revision`, as etcd's compaction does. The store does so by itself
   * when its history exceeds the limits.
   */
  async compact(revision: number): Promise<void> {
    this.#checkOpen()
    checkRevision(revision, 1)
    this.#state.keys.checkReadable(revision, this.#commit.revisionCommitted)
    this.#deliver()
    this.#state.keys.compact(revision)
  }

  /** Why nothing can be changed until the store is opened anew; undefined while it is sound. */
  get failure(): string | undefined {
    return this.#commit.failure?.message
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut()
    return this.#closing
  }

  async #shut(): Promise<void> {
    this.#timers.stopAll()
    await this.#commit.idle()
    this.#watches.clear()
    try {
      if (!this.#file.broken) await this.#file.sync()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      // Only the mark of the last sync was still unsynced: the next open takes the longer way, nothing is lost.
      this.#logger.warn('metadata store could not sync while closing', { error: error.message })
    }
    this.#file.close()
  }

  #transact(transaction: Transaction): Made<TransactionResult> {
    const { keys, leases } = this.#state
    const revisionBefore = keys.revision
    const value = evaluate(transaction, keys, (lease) => leases.has(lease), this.#limits.bytesLiveMax)
    if (value.revision === revisionBefore) return { value }
    return { value, body: { kind: 'changes', revision: value.revision, changes: this.#changesAt(value.revision) } }
  }

  #grant(ttlMs: number): Made<Lease> {
    const { leases } = this.#state
    if (leases.size >= this.#limits.leasesMax) {
      throw new MetadataError('overloaded', `there are ${leases.size} leases already`)
    }
    const id = leases.allocate()
    leases.add(id, ttlMs)
    return { value: { id, ttlMs }, body: { kind: 'grant', lease: id, ttlMs }, undo: () => leases.remove(id) }
  }

  async #endLease(id: LeaseId): Promise<void> {
    await this.#commit.submit(leaseRequestBytes, () => this.#revoke(id))
    this.#timers.stop(id)
  }

  #revoke(id: LeaseId): Made<undefined> {
    const { keys, leases } = this.#state
    const ttlMs = leases.ttlOf(id)
    if (ttlMs === undefined) throw leaseNotFound(id)
    const doomed = keysUnder(keys, id)
    const revision = doomed.length > 0 ? keys.revision + 1 : keys.revision
    for (const key of doomed) keys.delete(revision, key)
    leases.remove(id)
    const changes = doomed.length > 0 ? this.#changesAt(revision) : []
    return {
      value: undefined,
      body: { kind: 'revoke', lease: id, revision, changes },
      undo: () => leases.add(id, ttlMs),
    }
  }

  #changesAt(revision: number): Change[] {
    return changesOf(this.#state.keys.changesAt(revision).events)
  }

  #expire(id: LeaseId): void {
    if (this.#closing !== undefined) return
    this.#endLease(id).catch((error: unknown) => {
      if (!(error instanceof MetadataError)) throw error
      if (error.kind === 'lease-not-found' || this.#closing !== undefined || this.#commit.failure !== undefined) return
      this.#logger.warn('metadata store could not end a lease', { lease: id, error: error.message })
      this.#clock.startTimer(expiryRetryMs, () => this.#expire(id))
    })
  }

  #committed(): void {
    this.#deliver()
    const { keys } = this.#state
    const { historyRevisionsMax, historyBytesMax } = this.#limits
    while (keys.historyCount > historyRevisionsMax || keys.bytesHistory > historyBytesMax) {
      keys.compact(keys.compactRevision + 1)
    }
  }

  #deliver(): void {
    this.#watches.deliver(this.#state.keys, this.#commit.revisionCommitted)
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new MetadataError('closed', 'the metadata store has been closed')
  }
}

function leaseNotFound(id: LeaseId): MetadataError {
  return new MetadataError('lease-not-found', `no lease ${id}`)
}

/** The folder that holds `directory`. */
function parentOf(directory: string): string {
  const trimmed = directory.replace(/\/+$/, '')
  const slash = trimmed.lastIndexOf('/')
  return slash < 0 ? '.' : trimmed.slice(0, slash) || '/'
}
