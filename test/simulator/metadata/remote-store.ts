import { MetadataError } from '../../../packages/broker/src/cluster/metadata-error.ts'
import { checkPrefix, checkRevision } from '../../../packages/broker/src/cluster/request.ts'
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
import type { Timer } from '../../../packages/broker/src/host/clock.ts'
import type { Host } from '../../../packages/broker/src/host/host.ts'
import type { Address } from '../../../packages/broker/src/host/network.ts'
import { LineChannel } from './line-channel.ts'
import type { Answer, Ask } from './protocol.ts'

interface Call {
  resolve: (value: unknown) => void
  reject: (error: MetadataError) => void
  timer: Timer
}

interface Watching {
  prefix: string
  nextRevision: number
  listener: WatchListener
  /** The channel over which it was asked for last. */
  askedOver: LineChannel | undefined
}

const timeoutMs = 1500
const retryMs = 200

/**
 * A metadata store on another machine of the simulated world. Behaves as an etcd client does: a call that gets no answer is
 * 'unavailable', its outcome unknown; a watch goes on after a lost connection where it was, and tells each change once.
 */
export class RemoteMetadataStore implements MetadataStore {
  readonly #host: Host
  readonly #address: Address
  readonly #calls = new Map<number, Call>()
  readonly #watches = new Map<number, Watching>()
  #channel: Promise<LineChannel> | undefined
  #nextId = 1
  #closed = false

  constructor(host: Host, address: Address) {
    this.#host = host
    this.#address = address
  }

  get(key: string): Promise<KeyValue | undefined> {
    return this.#call('get', key)
  }

  range(prefix: string, options: RangeOptions = {}): Promise<RangeResult> {
    return this.#call('range', prefix, options)
  }

  transaction(transaction: Transaction): Promise<TransactionResult> {
    return this.#call('transaction', transaction)
  }

  grantLease(ttlMs: number): Promise<Lease> {
    return this.#call('grantLease', ttlMs)
  }

  keepAlive(id: LeaseId): Promise<Lease> {
    return this.#call('keepAlive', id)
  }

  revokeLease(id: LeaseId): Promise<void> {
    return this.#call('revokeLease', id)
  }

  watch(prefix: string, fromRevision: number, listener: WatchListener): Watch {
    if (this.#closed) throw closed()
    checkPrefix(prefix)
    checkRevision(fromRevision, 1)
    const id = this.#nextId++
    this.#watches.set(id, { prefix, nextRevision: fromRevision, listener, askedOver: undefined })
    this.#connect().then(
      (channel) => this.#sendWatch(channel, id),
      () => this.#reviveWatches(),
    )
    return {
      cancel: () => {
        this.#watches.delete(id)
        void this.#channel?.then((channel) => channel.send({ id, call: 'cancel' } satisfies Ask), ignoreLoss)
      },
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#watches.clear()
    for (const id of this.#calls.keys()) this.#settle(id, (call) => call.reject(closed()))
    await this.#channel?.then((channel) => channel.close(), ignoreLoss)
  }

  async #call<T>(call: Extract<Ask, { args: unknown[] }>['call'], ...args: unknown[]): Promise<T> {
    if (this.#closed) throw closed()
    const id = this.#nextId++
    const answered = new Promise<unknown>((resolve, reject) => {
      const timer = this.#host.clock.startTimer(timeoutMs, () => this.#giveUp(`no answer to ${call}`))
      this.#calls.set(id, { resolve, reject, timer })
    })
    this.#connect().then(
      (channel) => channel.send({ id, call, args } satisfies Ask),
      (error: unknown) => this.#settle(id, (waiting) => waiting.reject(unavailable(String(error)))),
    )
    return (await answered) as T
  }

  /** A connection that leaves a question open is given up: what it would still say could be too late. */
  #giveUp(reason: string): void {
    const channel = this.#channel
    this.#forgetChannel(reason)
    void channel?.then((open) => open.close(), ignoreLoss)
  }

  #settle(id: number, how: (call: Call) => void): void {
    const call = this.#calls.get(id)
    if (call === undefined) return
    this.#calls.delete(id)
    call.timer.cancel()
    how(call)
  }

  #connect(): Promise<LineChannel> {
    this.#channel ??= this.#dial()
    return this.#channel
  }

  #dial(): Promise<LineChannel> {
    const dialled = this.#open(() => this.#channel === dialled)
    return dialled
  }

  /** What an earlier channel still says, or its end, means nothing once another has taken its place. */
  async #open(isPresent: () => boolean): Promise<LineChannel> {
    try {
      const connection = await this.#host.network.connect(this.#address, timeoutMs)
      const got = (value: unknown): void => {
        if (isPresent()) this.#got(value as Answer)
      }
      return new LineChannel(connection, got, () => {
        if (isPresent()) this.#forgetChannel('the connection was lost')
      })
    } catch (error) {
      if (isPresent()) this.#channel = undefined
      throw error
    }
  }

  #got(answer: Answer): void {
    if ('changes' in answer) {
      const watching = this.#watches.get(answer.id)
      if (watching === undefined || answer.changes.revision < watching.nextRevision) return
      watching.nextRevision = answer.changes.revision + 1
      watching.listener({ kind: 'changes', ...answer.changes })
    } else if ('compacted' in answer) {
      const watching = this.#watches.get(answer.id)
      this.#watches.delete(answer.id)
      watching?.listener({ kind: 'compacted', compactRevision: answer.compacted })
    } else if ('error' in answer) {
      this.#settle(answer.id, (call) => call.reject(new MetadataError(answer.error, answer.message)))
    } else this.#settle(answer.id, (call) => call.resolve(answer.value))
  }

  #forgetChannel(reason: string): void {
    this.#channel = undefined
    for (const id of this.#calls.keys()) this.#settle(id, (call) => call.reject(unavailable(reason)))
    this.#reviveWatches()
  }

  #reviveWatches(): void {
    if (this.#closed || this.#watches.size === 0) return
    this.#host.clock.startTimer(retryMs, () => {
      if (this.#closed || this.#watches.size === 0) return
      this.#connect().then(
        (channel) => {
          for (const id of this.#watches.keys()) this.#sendWatch(channel, id)
        },
        () => this.#reviveWatches(),
      )
    })
  }

  #sendWatch(channel: LineChannel, id: number): void {
    const watching = this.#watches.get(id)
    if (watching === undefined || watching.askedOver === channel) return
    watching.askedOver = channel
    channel.send({ id, call: 'watch', prefix: watching.prefix, fromRevision: watching.nextRevision } satisfies Ask)
  }
}

function unavailable(reason: string): MetadataError {
  return new MetadataError('unavailable', reason)
}

function closed(): MetadataError {
  return new MetadataError('closed', 'the store was closed')
}

/** The connection was never there, which those who asked over it have been told. */
function ignoreLoss(): void {}
