import { DiskError } from '../../host/disk.ts'
import type { Clock } from '../../host/clock.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { MetadataError } from '../metadata-error.ts'
import type { EntryBody } from './entry.ts'
import type { EmbeddedStoreLimits } from './limits.ts'
import type { State } from './state.ts'
import type { StoreFile } from './store-file.ts'

/** What a write did to the state in memory. */
export interface Made<T> {
  readonly value: T
  /** What makes it durable; without it nothing was changed. */
  readonly body?: EntryBody
  /** Takes back what `KeySpace.rollback` does not. */
  readonly undo?: () => void
}

/** A write that waits for its turn. */
interface Work {
  readonly bytes: number
  /** Throws MetadataError with nothing changed. */
  readonly make: () => Made<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: MetadataError) => void
}

/** Told of what has become of writes. */
export interface CommitObserver {
  /** The state up to its present revision is durable. */
  committed(): void
  /** Nothing can be written any more. */
  failed(error: MetadataError): void
}

/**
 * Makes writes in order and durable in groups: one write and one sync for all that came in while the group before was
 * being synced. A write's promise settles only after that.
 */
export class GroupCommit {
  readonly #clock: Clock
  readonly #state: State
  readonly #file: StoreFile
  readonly #limits: EmbeddedStoreLimits
  readonly #logger: Logger
  readonly #observer: CommitObserver
  #queue: Work[] = []
  #queueBytes = 0
  #running: Promise<void> | undefined
  #failure: MetadataError | undefined
  #revisionCommitted: number

  constructor(
    clock: Clock,
    state: State,
    file: StoreFile,
    limits: EmbeddedStoreLimits,
    logger: Logger,
    observer: CommitObserver,
  ) {
    this.#clock = clock
    this.#state = state
    this.#file = file
    this.#limits = limits
    this.#logger = logger
    this.#observer = observer
    this.#revisionCommitted = state.keys.revision
  }

  /** The last durable revision: what readers may see. */
  get revisionCommitted(): number {
    return this.#revisionCommitted
  }

  /** Why nothing can be written any more. */
  get failure(): MetadataError | undefined {
    return this.#failure
  }

  /**
   * Queues a write of about `bytes` bytes. Rejects with what `make` throws, with 'overloaded' or 'full' when nothing was
   * done, and with 'unavailable' when that is not known.
   */
  submit<T>(bytes: number, make: () => Made<T>): Promise<T> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#queue.length >= this.#limits.pendingCountMax || this.#queueBytes + bytes > this.#limits.pendingBytesMax) {
      return Promise.reject(new MetadataError('overloaded', `${this.#queue.length} writes wait for the disk already`))
    }
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ bytes, make, resolve: resolve as (value: unknown) => void, reject })
      this.#queueBytes += bytes
      this.#start()
    })
  }

  /** Resolves once nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  #start(): void {
    this.#running ??= new Promise((resolve, reject) => {
      this.#clock.endOfTurn(() => {
        this.#run().then(resolve, reject)
      })
    })
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) {
      const group = this.#queue
      this.#queue = []
      this.#queueBytes = 0
      await this.#commit(group)
    }
    this.#running = undefined
  }

  async #commit(group: readonly Work[]): Promise<void> {
    const done: { work: Work; made: Made<unknown> }[] = []
    for (const work of group) {
      const made = this.#make(work)
      if (made !== undefined) done.push({ work, made })
    }
    const bodies = done.flatMap(({ made }) => (made.body === undefined ? [] : [made.body]))
    if (bodies.length > 0) {
      try {
        this.#file.append(bodies)
        await this.#file.sync()
      } catch (error) {
        for (const { made } of done.toReversed()) made.undo?.()
        this.#state.keys.rollback(this.#revisionCommitted)
        const failure = this.#judge(error)
        for (const { work } of done) work.reject(failure)
        return
      }
      this.#revisionCommitted = this.#state.keys.revision
    }
    for (const { work, made } of done) work.resolve(made.value)
    if (bodies.length > 0) {
      this.#observer.committed()
      await this.#tidy()
    }
  }

  /** Runs one write in memory, or rejects it. */
  #make(work: Work): Made<unknown> | undefined {
    if (this.#failure !== undefined) {
      work.reject(this.#failure)
      return undefined
    }
    try {
      return work.make()
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error
      work.reject(error)
      return undefined
    }
  }

  /** What follows from a group that could not be written. */
  #judge(error: unknown): MetadataError {
    if (!(error instanceof DiskError)) throw error
    if (!this.#file.broken) {
      const kind = error.kind === 'full' ? 'full' : 'unavailable'
      this.#logger.warn('metadata store cannot write', { error: error.message })
      return new MetadataError(kind, `the metadata store cannot write: ${error.message}`, { cause: error })
    }
    return this.#fail(error)
  }

  /** A mark for what was just synced if nothing follows at once, and a new snapshot if it is due. */
  async #tidy(): Promise<void> {
    try {
      if (this.#file.replacementDue) await this.#file.replace(this.#state)
      else if (this.#queue.length === 0) this.#file.mark()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      // The data is safe either way; without room for a mark or a snapshot the store goes on as long as it can.
      if (this.#file.broken) this.#fail(error)
      else this.#logger.warn('metadata store cannot tidy its file', { error: error.message })
    }
  }

  #fail(cause: DiskError): MetadataError {
    const message = `the metadata store is out of service until it is reopened: ${cause.message}`
    this.#failure = new MetadataError('unavailable', message, { cause })
    this.#logger.error('metadata store failed', { error: cause.message })
    this.#observer.failed(this.#failure)
    return this.#failure
  }
}
