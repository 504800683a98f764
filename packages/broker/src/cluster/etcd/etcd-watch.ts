import type { Timer } from '../../host/clock.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { MetadataError } from '../metadata-error.ts'
import type { WatchListener } from '../metadata-store.ts'
import type { Channel } from './channel.ts'
import { failureFrom } from './channel.ts'
import type { Endpoints } from './endpoints.ts'
import { EtcdFailure, failureOf } from './failure.ts'
import type { KeyCodec } from './key-codec.ts'
import { RevisionGatherer } from './revision-gatherer.ts'
import { readWatchLine } from './watch-answer.ts'
import type { WatchAnswer } from './watch-answer.ts'
import { WatchAudit } from './watch-audit.ts'
import type { AuditSample } from './watch-audit.ts'
import { followStream } from './watch-stream.ts'
import type { StreamOptions } from './watch-stream.ts'

export interface WatchContext extends StreamOptions {
  readonly channel: Channel
  readonly endpoints: Endpoints
  readonly keys: KeyCodec
  readonly logger: Logger
  /** What the store holds under the prefix, and which of it was changed after a revision. Rejects with MetadataError. */
  readonly sample: (prefix: string, afterRevision: number) => Promise<AuditSample>
  /** Told once, when the watch is over, whoever ended it. */
  readonly ended: (watch: EtcdWatch) => void
}

/** Refusals in a row after which a watch gives up; a new token is fetched in between. */
const refusalCountMax = 3
/** Keys changed since the last audit beyond which the next one comes at once, to bound what it remembers. */
const auditKeyCountMax = 20_000

/**
 * One watch, on one stream at a time. When the stream ends, breaks or is silent, the next one goes on from the first
 * revision not told, on another member if this one does not serve. If events turn out to be lost, the watch says
 * 'compacted', upon which every watcher reads the present state.
 */
export class EtcdWatch {
  readonly #context: WatchContext
  readonly #prefix: string
  readonly #listener: WatchListener
  readonly #gatherer: RevisionGatherer
  readonly #audit: WatchAudit
  readonly #over = new AbortController()
  #timer: Timer | undefined
  #auditing = false
  #refusalCount = 0
  #backoffMs: number

  constructor(context: WatchContext, prefix: string, fromRevision: number, listener: WatchListener) {
    this.#context = context
    this.#prefix = prefix
    this.#listener = listener
    // Nothing ever happened at revision 1, which is that of an empty store, and etcd takes 0 for the present.
    this.#gatherer = new RevisionGatherer(fromRevision)
    this.#audit = new WatchAudit(fromRevision)
    this.#backoffMs = context.limits.backoffMsMin
  }

  /** Begins to watch. Nothing is told within this call. */
  start(): void {
    this.#startAuditTimer()
    void this.#run()
  }

  cancel(): void {
    if (this.#over.signal.aborted) return
    this.#over.abort()
    this.#timer?.cancel()
    this.#context.ended(this)
  }

  async #run(): Promise<void> {
    const { endpoints, limits } = this.#context
    const tried = new Set<string>()
    while (!this.#over.signal.aborted) {
      const url = endpoints.pick(tried)
      if (url === undefined) {
        tried.clear()
        await this.#pause()
        continue
      }
      const failure = await this.#follow(url)
      this.#gatherer.cut()
      if (this.#over.signal.aborted) return
      if (failure === undefined) {
        tried.clear()
        // A peer that ends every stream at once must not make a busy loop.
        await this.#wait(limits.backoffMsMin)
      } else {
        if (tried.size === 0 && this.#backoffMs === limits.backoffMsMin) {
          this.#context.logger.warn('etcd watch has to go on at another member', { url, error: failure.message })
        }
        tried.add(url)
        endpoints.failed(url)
      }
    }
  }

  /** Follows one stream to its end. Returns why the member is not good for another one, if it is not. */
  async #follow(url: string): Promise<EtcdFailure | undefined> {
    const { channel, keys, limits } = this.#context
    let token = ''
    let served = false
    try {
      token = await channel.token.get()
      await followStream(this.#context, url, token, this.#request(), this.#over.signal, (line) => {
        const { message, answer } = readWatchLine(line, keys)
        channel.checkCluster(message)
        this.#take(answer)
        served = true
        this.#refusalCount = 0
        this.#backoffMs = limits.backoffMsMin
      })
      // A stream that brought nothing at all, not even word that it exists, has shown no life.
      return served ? undefined : new EtcdFailure('unknown', 'unavailable', 'the stream ended before it began')
    } catch (error) {
      const failure = failureFrom(error instanceof RangeError ? new MetadataError('unavailable', error.message) : error)
      if (failure.kind === 'corrupt' || failure.kind === 'invalid') this.#end(failure)
      else if (failure.step === 'authenticate' || failure.step === 'final') await this.#refused(token, failure)
      return failure
    }
  }

  #request(): Record<string, object> {
    const start = String(Math.max(this.#gatherer.revisionNext, 1))
    const range = this.#context.keys.rangeOf(this.#prefix)
    return { create_request: { ...range, start_revision: start, progress_notify: true, fragment: true } }
  }

  #take(answer: WatchAnswer): void {
    switch (answer.kind) {
      case 'created':
      case 'nothing':
        break
      case 'compacted':
        this.#lost(answer.compactRevision)
        break
      case 'cancelled':
        throw failureOf(503, JSON.stringify({ message: answer.reason || 'etcd cancelled the watch' }))
      case 'progress':
        this.#gatherer.passed(answer.revision)
        break
      case 'events':
        for (const { revision, events } of this.#gatherer.add(answer.events, answer.isFragment)) {
          if (this.#over.signal.aborted) return
          if (!this.#audit.note(revision, events)) return this.#report(revision)
          this.#listener({ kind: 'changes', revision, events })
        }
        if (this.#audit.size > auditKeyCountMax) void this.#compare()
        break
    }
  }

  async #refused(token: string, failure: EtcdFailure): Promise<void> {
    this.#refusalCount++
    if (this.#refusalCount >= refusalCountMax) return this.#end(failure)
    try {
      await this.#context.channel.token.expired(token)
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error
      this.#context.logger.warn('etcd gives no token to a watch', { error: error.message })
    }
  }

  #startAuditTimer(): void {
    this.#timer = this.#context.clock.startTimer(this.#context.limits.auditIntervalMs, () => void this.#compare())
  }

  /** Compares what was told with what the store holds; see WatchAudit. */
  async #compare(): Promise<void> {
    if (this.#auditing) return
    this.#auditing = true
    this.#timer?.cancel()
    try {
      const { revisionTold, revisionSampled } = this.#audit
      const sample = await this.#context.sample(this.#prefix, revisionSampled)
      if (this.#over.signal.aborted) return
      if (this.#audit.hasGoneBack(sample, revisionTold)) return this.#report(sample.revision)
      await this.#wait(this.#context.limits.auditPatienceMs)
      if (this.#over.signal.aborted) return
      if (!this.#audit.settle(sample)) return this.#report(sample.revision)
      this.#gatherer.passed(this.#audit.revisionSampled)
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error
      this.#context.logger.warn('etcd watch could not be audited', { error: error.message })
    } finally {
      this.#auditing = false
      if (!this.#over.signal.aborted) this.#startAuditTimer()
    }
  }

  /** Events are missing though etcd does not say so. */
  #report(revision: number): void {
    this.#context.logger.error('etcd lost events of a watch; what is watched is read anew', { revision })
    this.#lost(revision)
  }

  #lost(compactRevision: number): void {
    if (this.#over.signal.aborted) return
    this.cancel()
    this.#listener({ kind: 'compacted', compactRevision })
  }

  #end(failure: EtcdFailure): void {
    if (this.#over.signal.aborted) return
    this.cancel()
    const error = new MetadataError(failure.kind, `the watch cannot go on: ${failure.message}`, { cause: failure })
    this.#listener({ kind: 'failed', error })
  }

  async #pause(): Promise<void> {
    await this.#wait(this.#backoffMs)
    this.#backoffMs = Math.min(this.#backoffMs * 2, this.#context.limits.backoffMsMax)
  }

  /** Resolves after a time, or when the watch is over. */
  #wait(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#context.clock.startTimer(durationMs, done)
      const { signal } = this.#over
      function done(): void {
        timer.cancel()
        signal.removeEventListener('abort', done)
        resolve()
      }
      if (signal.aborted) done()
      else signal.addEventListener('abort', done)
    })
  }
}
