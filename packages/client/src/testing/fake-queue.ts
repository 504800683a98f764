import type { Environment } from '../environment.ts'
import { encodeBatch } from '../records/batch.ts'
import type { OutgoingRecord } from '../records/record.ts'
import type { Script } from './fake-broker.ts'

interface Entry {
  record: OutgoingRecord
  state: 'ready' | 'acquired' | 'accepted' | 'rejected' | 'gap'
  deliveryCount: number
  member: string | undefined
  readyAtMs: number
}

const topicId = 'AAAAAAAAAAAAAAAAAAAAAA'
const typeNames = ['gap', 'accept', 'release', 'reject', 'renew'] as const

/**
 * One share group on partition 0 of a fake broker's topic "t", simple enough to be right: an array of entries, one session per
 * member, locks by the environment's clock. `script` serves the APIs of share groups.
 */
export class FakeQueue {
  readonly entries: Entry[] = []
  /** What was said of messages, in order: `accept 0`, `release 1 after 50`. */
  readonly said: string[] = []
  /** Members at the moment. */
  readonly members = new Set<string>()
  readonly settings = new Map<string, string>()
  lockMs = 30_000
  /** Names that AlterConfigs knows; undefined: all. */
  known: readonly string[] | undefined
  /** Codes with which the next requests of these APIs are refused. */
  readonly refusals = new Map<number, number[]>()
  readonly #environment: Environment
  readonly #epochs = new Map<string, number>()
  #changed: (() => void)[] = []

  constructor(environment: Environment) {
    this.#environment = environment
  }

  add(...records: OutgoingRecord[]): void {
    for (const record of records) {
      this.entries.push({ record, state: 'ready', deliveryCount: 0, member: undefined, readyAtMs: 0 })
    }
    this.#wake()
  }

  /** The member's locks and session are gone, as when its connection is. */
  dropSession(): void {
    this.#epochs.clear()
    for (const entry of this.entries) if (entry.state === 'acquired') this.#free(entry, 0)
  }

  states(): string[] {
    return this.entries.map(({ state, deliveryCount }) => `${state}${deliveryCount}`)
  }

  script(port: () => number): Script {
    const refusal = (key: number): number => this.refusals.get(key)?.shift() ?? 0
    return {
      10: () => ({ errorCode: 0, nodeId: 1, host: '127.0.0.1', port: port() }),
      32: () => {
        const names = this.known ?? ['polylog.retry.backoff.ms']
        const configs = names.map((name) => ({ name, value: '', readOnly: false, isSensitive: false }))
        return { results: [{ errorCode: 0, errorMessage: null, resourceType: 32, resourceName: 'g', configs }] }
      },
      44: ({ resources }) => {
        const { configs, resourceName, resourceType } = resources[0]!
        const isKnown = configs.every(({ name }) => this.known === undefined || this.known.includes(name))
        if (isKnown) for (const { name, value } of configs) this.settings.set(name, value ?? '')
        return { responses: [{ errorCode: isKnown ? 0 : 40, errorMessage: null, resourceType, resourceName }] }
      },
      76: ({ memberId, memberEpoch }) => {
        const errorCode = refusal(76)
        if (errorCode !== 0) return { errorCode, memberEpoch: 0, heartbeatIntervalMs: 0 }
        if (memberEpoch === 0) this.members.add(memberId)
        else if (!this.members.has(memberId)) return { errorCode: 25, memberEpoch: 0, heartbeatIntervalMs: 0 }
        if (memberEpoch < 0) this.members.delete(memberId)
        const assignment = memberEpoch === 0 ? { topicPartitions: [{ topicId, partitions: [0] }] } : null
        return { errorCode: 0, memberId, memberEpoch: memberEpoch < 0 ? -1 : 1, heartbeatIntervalMs: 1000, assignment }
      },
      78: async (request) => {
        const errorCode = refusal(78) || this.#session(request.memberId!, request.shareSessionEpoch)
        const failed = { errorCode, acquisitionLockTimeoutMs: this.lockMs, responses: [] }
        if (errorCode !== 0) return failed
        const acknowledgeErrorCode = this.#settle(request.memberId!, request.topics)
        const until = this.#environment.monotonicMs() + request.maxWaitMs
        let entries = this.#acquire(request.memberId!, request.maxRecords)
        while (entries.length === 0 && this.#environment.monotonicMs() < until) {
          await this.#wait(until)
          entries = this.#acquire(request.memberId!, request.maxRecords)
        }
        return { ...failed, responses: [{ topicId, partitions: [this.#partition(entries, acknowledgeErrorCode)] }] }
      },
      79: (request) => {
        const errorCode = refusal(79) || this.#session(request.memberId!, request.shareSessionEpoch)
        if (errorCode !== 0) return { errorCode, responses: [] }
        const result = { partitionIndex: 0, errorCode: this.#settle(request.memberId!, request.topics), currentLeader }
        return { errorCode, acquisitionLockTimeoutMs: this.lockMs, responses: [{ topicId, partitions: [result] }] }
      },
    }
  }

  #session(member: string, epoch: number): number {
    if (epoch === 0) {
      this.#epochs.set(member, 1)
      return 0
    }
    const expected = this.#epochs.get(member)
    if (expected === undefined) return 122
    if (epoch === -1) this.#epochs.delete(member)
    else if (epoch !== expected) return 123
    else this.#epochs.set(member, epoch + 1)
    return 0
  }

  #settle(member: string, topics: Parameters<NonNullable<Script[79]>>[0]['topics']): number {
    let errorCode = 0
    for (const { partitions } of topics) {
      for (const { acknowledgementBatches } of partitions) {
        for (const { firstOffset, lastOffset, acknowledgeTypes, retryDelayMs } of acknowledgementBatches) {
          for (let offset = firstOffset; offset <= lastOffset; offset++) {
            const type = typeNames[acknowledgeTypes[0]!]!
            this.said.push(`${type} ${offset}${retryDelayMs >= 0 ? ` after ${retryDelayMs}` : ''}`)
            if (!this.#settleOne(member, this.entries[offset]!, type, retryDelayMs)) errorCode = 121
          }
        }
      }
    }
    return errorCode
  }

  #settleOne(member: string, entry: Entry, type: (typeof typeNames)[number], delayMs: number): boolean {
    this.#expire()
    if (entry.state !== 'acquired' || entry.member !== member) return false
    if (type === 'renew') entry.readyAtMs = this.#environment.monotonicMs() + this.lockMs
    else if (type === 'release') this.#free(entry, delayMs)
    else entry.state = type === 'accept' ? 'accepted' : type === 'reject' ? 'rejected' : 'gap'
    return true
  }

  #acquire(member: string, max: number): number[] {
    this.#expire()
    const nowMs = this.#environment.monotonicMs()
    const offsets: number[] = []
    for (const [offset, entry] of this.entries.entries()) {
      if (entry.state !== 'ready' || entry.readyAtMs > nowMs || offsets.length >= max) continue
      Object.assign(entry, { state: 'acquired', member, readyAtMs: nowMs + this.lockMs })
      entry.deliveryCount++
      offsets.push(offset)
    }
    return offsets
  }

  #expire(): void {
    const nowMs = this.#environment.monotonicMs()
    for (const entry of this.entries) if (entry.state === 'acquired' && entry.readyAtMs <= nowMs) this.#free(entry, 0)
  }

  #free(entry: Entry, delayMs: number): void {
    Object.assign(entry, { state: 'ready', member: undefined })
    entry.readyAtMs = this.#environment.monotonicMs() + Math.max(0, delayMs)
    this.#wake()
  }

  /** Until something changes, a message becomes ready, or the time is over. */
  async #wait(untilMs: number): Promise<void> {
    const nowMs = this.#environment.monotonicMs()
    const next = this.entries.filter(({ readyAtMs }) => readyAtMs > nowMs).map(({ readyAtMs }) => readyAtMs)
    let cancel = (): void => undefined
    await new Promise<void>((resolve) => {
      this.#changed.push(resolve)
      cancel = this.#environment.after(Math.min(untilMs, ...next) - nowMs, resolve)
    })
    cancel()
  }

  #wake(): void {
    for (const changed of this.#changed.splice(0)) changed()
  }

  #partition(offsets: readonly number[], acknowledgeErrorCode: number) {
    const batches = offsets.map((offset) => {
      const batch = encodeBatch([this.entries[offset]!.record], 'none', this.#environment.nowMs())
      batch.writeBigInt64BE(BigInt(offset), 0)
      return batch
    })
    return {
      partitionIndex: 0,
      errorCode: 0,
      acknowledgeErrorCode,
      currentLeader,
      records: Buffer.concat(batches),
      acquiredRecords: offsets.map((offset) => ({
        firstOffset: offset,
        lastOffset: offset,
        deliveryCount: this.entries[offset]!.deliveryCount,
      })),
    }
  }
}

const currentLeader = { leaderId: -1, leaderEpoch: -1 }
