import type { Clock } from '../../host/clock.ts'
import type { HttpClient } from '../../host/http-client.ts'
import type { Random } from '../../host/random.ts'
import { silentLogger } from '../../telemetry/logger.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { MetadataError } from '../metadata-error.ts'
import type { KeyValue, Lease, LeaseId, MetadataStore, RangeOptions, RangeResult } from '../metadata-store.ts'
import type { Transaction, TransactionResult, Watch, WatchListener } from '../metadata-store.ts'
import { checkKey, checkLease, checkPrefix, checkRange, checkRevision, checkTransaction, checkTtl } from '../request.ts'
import { Channel, outcomeUnknown } from './channel.ts'
import type { Call } from './channel.ts'
import { Endpoints } from './endpoints.ts'
import { etcdPrefixDefault } from './etcd-address.ts'
import { EtcdFailure } from './failure.ts'
import { EtcdWatch } from './etcd-watch.ts'
import { integerAt, listAt, objectAt, revisionIn, strange, textAt } from './json.ts'
import type { JsonObject } from './json.ts'
import { KeyCodec, leaseAt } from './key-codec.ts'
import { LeaseTimes } from './lease-times.ts'
import { etcdStoreLimits } from './limits.ts'
import type { EtcdStoreLimits } from './limits.ts'
import { rangeInPages } from './range-pages.ts'
import type { EtcdCredentials } from './token.ts'
import { decodeTransaction, encodeTransaction, isRead, takesEffectOnce } from './transaction-codec.ts'
import type { AuditSample } from './watch-audit.ts'

export interface EtcdStoreOptions {
  readonly clock: Clock
  readonly random: Random
  /** Closed with the store. Certificates are its matter. */
  readonly http: HttpClient
  /** Base URLs of the members, as `parseEtcdAddress` gives them; at least one. */
  readonly endpoints: readonly string[]
  /** Before every key in etcd, invisible to callers; starts and ends with a slash. Default `/polylog/`. */
  readonly prefix?: string
  readonly credentials?: EtcdCredentials
  readonly limits?: Partial<EtcdStoreLimits>
  readonly logger?: Logger
}

/**
 * The metadata store in a real etcd, 3.4 or later, over its JSON gateway. What the interface promises is what etcd does;
 * what this adds is the way there: several members, time limits, and watches that survive broken streams.
 */
export class EtcdMetadataStore implements MetadataStore {
  readonly #options: EtcdStoreOptions
  readonly #limits: EtcdStoreLimits
  readonly #keys: KeyCodec
  readonly #endpoints: Endpoints
  readonly #channel: Channel
  readonly #watches = new Set<EtcdWatch>()
  readonly #leaseTimes = new LeaseTimes()
  #closing: Promise<void> | undefined

  /**
   * Connects to the cluster, and makes sure that it is an etcd that can be used and may be.
   * Rejects with MetadataError 'unavailable' when no member serves in time, or 'invalid' when etcd is too old or refuses
   * the user; the message says which. Then `http` is closed.
   */
  static async connect(options: EtcdStoreOptions): Promise<EtcdMetadataStore> {
    const store = new EtcdMetadataStore(options)
    try {
      await store.#greet()
    } catch (error) {
      await store.close()
      throw error
    }
    return store
  }

  private constructor(options: EtcdStoreOptions) {
    const { clock, random, http, endpoints, credentials, logger = silentLogger } = options
    if (endpoints.length === 0) throw new RangeError('an etcd store needs an endpoint')
    this.#options = options
    this.#limits = { ...etcdStoreLimits, ...options.limits }
    this.#keys = new KeyCodec(options.prefix ?? etcdPrefixDefault)
    this.#endpoints = new Endpoints(endpoints, clock, random)
    this.#channel = new Channel({ clock, http, endpoints: this.#endpoints, limits: this.#limits, logger, credentials })
  }

  async get(key: string): Promise<KeyValue | undefined> {
    this.#checkOpen()
    checkKey(key)
    const answer = await this.#read('/v3/kv/range', { key: this.#keys.encode(key) })
    const first = listAt(answer, 'kvs')[0]
    return first === undefined ? undefined : this.#keys.decode(first)
  }

  async range(prefix: string, options: RangeOptions = {}): Promise<RangeResult> {
    this.#checkOpen()
    checkRange(prefix, options)
    return rangeInPages((message) => this.#read('/v3/kv/range', message), this.#keys, this.#limits, prefix, options)
  }

  /**
   * As the interface says. A write is sent again only if it surely has not arrived, or demands the modRevision of a key
   * that it changes, so that it cannot take effect twice.
   */
  async transaction(transaction: Transaction): Promise<TransactionResult> {
    this.#checkOpen()
    checkTransaction(transaction)
    const retry = isRead(transaction) ? 'always' : takesEffectOnce(transaction) ? 'fenced' : 'never'
    const call: Call = { path: '/v3/kv/txn', message: encodeTransaction(transaction, this.#keys), retry }
    const { message, repeated } = await this.#channel.call(call)
    const result = decodeTransaction(message, transaction, this.#keys)
    if (retry === 'fenced' && repeated && !result.succeeded) {
      throw outcomeUnknown('the key had another revision when the transaction was sent again')
    }
    return result
  }

  watch(prefix: string, fromRevision: number, listener: WatchListener): Watch {
    this.#checkOpen()
    checkPrefix(prefix)
    checkRevision(fromRevision, 1)
    if (this.#watches.size >= this.#limits.watchCountMax) {
      throw new MetadataError('overloaded', `there are ${this.#watches.size} watches already`)
    }
    const { clock, http, logger = silentLogger } = this.#options
    const context = {
      clock,
      http,
      logger,
      limits: this.#limits,
      channel: this.#channel,
      endpoints: this.#endpoints,
      keys: this.#keys,
      sample: (under: string, afterRevision: number) => this.#sample(under, afterRevision),
      ended: (ended: EtcdWatch) => this.#watches.delete(ended),
    }
    const watch = new EtcdWatch(context, prefix, fromRevision, listener)
    this.#watches.add(watch)
    watch.start()
    return watch
  }

  /** As the interface says. If an answer gets lost, a lease without keys is left behind, which expires. */
  async grantLease(ttlMs: number): Promise<Lease> {
    this.#checkOpen()
    checkTtl(ttlMs)
    const answer = await this.#read('/v3/lease/grant', { TTL: String(Math.ceil(ttlMs / 1000)) })
    const lease = { id: leaseAt(answer, 'ID'), ttlMs: integerAt(answer, 'TTL') * 1000 }
    if (lease.ttlMs < ttlMs) throw strange('the lease lives shorter than asked')
    this.#leaseTimes.set(lease)
    return lease
  }

  /** As the interface says. Gives up within half the time that the lease lives, so that there is time for another try. */
  async keepAlive(id: LeaseId): Promise<Lease> {
    this.#checkOpen()
    checkLease(id)
    const timeoutMs = Math.min(this.#limits.requestTimeoutMs, this.#leaseTimes.ttlOf(id) / 2)
    const call: Call = { path: '/v3/lease/keepalive', message: { ID: id }, retry: 'always', timeoutMs }
    const { message } = await this.#channel.call(call)
    const ttlMs = integerAt(objectAt(message, 'result'), 'TTL') * 1000
    // etcd answers for a lease that is gone too, with a time to live of 0.
    if (ttlMs <= 0) {
      this.#leaseTimes.delete(id)
      throw new MetadataError('lease-not-found', `no lease ${id}`)
    }
    this.#leaseTimes.set({ id, ttlMs })
    return { id, ttlMs }
  }

  async revokeLease(id: LeaseId): Promise<void> {
    this.#checkOpen()
    checkLease(id)
    this.#leaseTimes.delete(id)
    try {
      await this.#channel.call({ path: '/v3/lease/revoke', message: { ID: id }, retry: 'fenced' })
    } catch (error) {
      // Gone when it was revoked again: the first time, whose answer was lost, has done it, or it had expired by then.
      const cause = error instanceof MetadataError && error.kind === 'unavailable' ? error.cause : undefined
      if (!(cause instanceof EtcdFailure && cause.kind === 'lease-not-found')) throw error
    }
  }

  /**
   * Makes etcd forget what is needed only for revisions before `revision`, for every user of that etcd.
   * Rejects with 'compacted' when that has been done up to there before, and 'future-revision'.
   */
  async compact(revision: number): Promise<void> {
    this.#checkOpen()
    checkRevision(revision, 1)
    await this.#read('/v3/kv/compaction', { revision: String(revision) })
  }

  /** Why etcd did not serve the last request; undefined since it has served one. */
  get failure(): string | undefined {
    return this.#channel.failure
  }

  close(): Promise<void> {
    this.#closing ??= this.#shut()
    return this.#closing
  }

  async #shut(): Promise<void> {
    for (const watch of this.#watches) watch.cancel()
    await this.#channel.idle()
    this.#options.http.close()
  }

  async #greet(): Promise<void> {
    try {
      const version = await this.#version()
      const [major = 0, minor = 0] = version.split('.').map(Number)
      if (!(major > 3 || (major === 3 && minor >= 4))) {
        throw new MetadataError('invalid', `etcd has version ${version || 'unknown'}; Polylog needs 3.4 or later`)
      }
      await this.#read('/v3/kv/range', { ...this.#keys.rangeOf(''), count_only: true })
    } catch (error) {
      if (!(error instanceof MetadataError) || !error.message.includes('user name is empty')) throw error
      throw new MetadataError('invalid', 'etcd wants a user and a password', { cause: error })
    }
  }

  async #version(): Promise<string> {
    try {
      return textAt(await this.#read('/v3/maintenance/status', {}), 'version')
    } catch (error) {
      // From 3.6 on only root may ask for the status, and before, everybody might.
      if (error instanceof MetadataError && error.message.includes('permission denied')) return '3.6'
      throw error
    }
  }

  async #read(path: string, message: JsonObject): Promise<JsonObject> {
    return (await this.#channel.call({ path, message, retry: 'always' })).message
  }

  async #sample(prefix: string, afterRevision: number): Promise<AuditSample> {
    const answer = await this.#read('/v3/kv/range', {
      ...this.#keys.rangeOf(prefix),
      keys_only: true,
      min_mod_revision: String(afterRevision + 1),
    })
    const changed = listAt(answer, 'kvs').map((keyValue) => ({
      key: this.#keys.keyOf(keyValue),
      modRevision: integerAt(keyValue, 'mod_revision'),
    }))
    return { revision: revisionIn(answer), count: integerAt(answer, 'count'), changed }
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new MetadataError('closed', 'the metadata store has been closed')
  }
}
