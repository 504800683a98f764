import { MetadataError } from '../../../packages/broker/src/cluster/metadata-error.ts'
import type { MetadataErrorKind } from '../../../packages/broker/src/cluster/metadata-error.ts'
import type {
  KeyValue,
  Lease,
  LeaseId,
  MetadataStore,
  RangeOptions,
  RangeResult,
  Transaction,
  TransactionResult,
  Watch,
  WatchListener,
} from '../../../packages/broker/src/cluster/metadata-store.ts'
import type {
  MetadataAnswer,
  MetadataHistory,
  MetadataOperation,
  WatchHistory,
} from '../checkers/metadata/metadata-history.ts'

/** After these surely nothing was done. */
const refusals: ReadonlySet<MetadataErrorKind> = new Set([
  'invalid',
  'too-large',
  'compacted',
  'future-revision',
  'lease-not-found',
  'overloaded',
])

/** Passes everything on to a metadata store, and writes down what its client asks and hears. */
export class RecordingMetadataStore implements MetadataStore {
  readonly #store: MetadataStore
  readonly #history: MetadataHistory
  readonly #client: string
  readonly #tick: () => number

  /** @param tick the count that orders all that happens in the world */
  constructor(store: MetadataStore, history: MetadataHistory, client: string, tick: () => number) {
    this.#store = store
    this.#history = history
    this.#client = client
    this.#tick = tick
  }

  async get(key: string): Promise<KeyValue | undefined> {
    const answered = this.#begin({ compare: [], then: [{ kind: 'get', key }], otherwise: [] })
    const keyValue = await this.#settle(this.#store.get(key), answered)
    answered({ succeeded: true, revision: undefined, responses: [{ kind: 'get', keyValue }] })
    return keyValue
  }

  async range(prefix: string, options: RangeOptions = {}): Promise<RangeResult> {
    if (options.atRevision !== undefined) {
      const result = await this.#store.range(prefix, options)
      this.#history.pinned.push(...result.keyValues)
      return result
    }
    const { limit } = options
    const step = { kind: 'range' as const, prefix, ...(limit !== undefined && { limit }) }
    const answered = this.#begin({ compare: [], then: [step], otherwise: [] })
    const result = await this.#settle(this.#store.range(prefix, options), answered)
    const { revision, keyValues, more } = result
    answered({ succeeded: true, revision, responses: [{ kind: 'range', keyValues, more }] })
    return result
  }

  async transaction(transaction: Transaction): Promise<TransactionResult> {
    const { compare = [], then = [], else: otherwise = [] } = transaction
    const answered = this.#begin({ compare, then, otherwise })
    const result = await this.#settle(this.#store.transaction(transaction), answered)
    answered(result)
    return result
  }

  watch(prefix: string, fromRevision: number, listener: WatchListener): Watch {
    const told: WatchHistory = { client: this.#client, prefix, fromRevision, changes: [] }
    const watch = this.#store.watch(prefix, fromRevision, (outcome) => {
      if (outcome.kind === 'changes') {
        const { revision, events } = outcome
        const puts = events.flatMap((event) => (event.kind === 'put' ? [event.keyValue] : []))
        const deleted = events.flatMap((event) => (event.kind === 'delete' ? [event.key] : []))
        told.changes.push({ revision, puts, deleted })
      }
      listener(outcome)
    })
    this.#history.watches.push(told)
    return watch
  }

  grantLease(ttlMs: number): Promise<Lease> {
    return this.#store.grantLease(ttlMs)
  }

  keepAlive(id: LeaseId): Promise<Lease> {
    return this.#store.keepAlive(id)
  }

  revokeLease(id: LeaseId): Promise<void> {
    return this.#store.revokeLease(id)
  }

  close(): Promise<void> {
    return this.#store.close()
  }

  /** An operation without an answer until the function given back is called; with undefined it is as if it never was. */
  #begin(
    asked: Pick<MetadataOperation, 'compare' | 'then' | 'otherwise'>,
  ): (answer: MetadataAnswer | undefined) => void {
    const { operations } = this.#history
    const operation: MetadataOperation = {
      client: this.#client,
      begin: this.#tick(),
      end: Infinity,
      answer: undefined,
      ...asked,
    }
    operations.push(operation)
    return (answer) => {
      if (answer === undefined) operations.splice(operations.lastIndexOf(operation), 1)
      else {
        operation.answer = answer
        operation.end = this.#tick()
      }
    }
  }

  async #settle<T>(running: Promise<T>, answered: (answer: undefined) => void): Promise<T> {
    try {
      return await running
    } catch (error) {
      if (error instanceof MetadataError && refusals.has(error.kind)) answered(undefined)
      throw error
    }
  }
}
