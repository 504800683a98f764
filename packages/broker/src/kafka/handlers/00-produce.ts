import type { Infer, InferInput, ProduceRequest, ProduceResponse } from '@polylog/wire'
import { apis, errorCodes } from '@polylog/wire'
import { kafkaErrorCode } from '../error-codes.ts'
import { errorTable } from '../../errors/errors.ts'
import type { ErrorCode } from '../../errors/errors.ts'
import { batchHeaderBytes, compressionNames, compressionOf, isTransactional } from '../../record/batch.ts'
import type { AppendFault } from '../../topic/partition.ts'
import { findPartition, LeaderHints } from '../find-partition.ts'
import type { LeaderHint } from '../find-partition.ts'
import { defineHandler } from '../handler.ts'
import { noTransactions } from '../no-transactions.ts'
import { mayTopic, mayTransaction } from '../permission.ts'
import type { Expiring } from '../produce-deadlines.ts'
import type { RequestContext } from '../request-context.ts'

type Request = Infer<typeof ProduceRequest>
type TopicData = Request['topicData'][number]
type PartitionData = TopicData['partitionData'][number]
type Response = InferInput<typeof ProduceResponse>
type TopicAnswer = NonNullable<Response['responses']>[number]

/** A record that made the broker refuse its batch (KIP-467). */
interface RecordFault {
  readonly batchIndex: number
  readonly batchIndexErrorMessage: string
}

/** The answer for one partition: it says "timed out" until the commit has come. */
interface PartitionAnswer {
  readonly index: number
  errorCode: number
  baseOffset: number
  logAppendTimeMs: number
  logStartOffset: number
  errorMessage: string | null
  recordErrors: readonly RecordFault[]
  currentLeader: LeaderHint | undefined
}

const zstd = compressionNames.indexOf('zstd')
const zstdSince = 7
const topicIdsSince = 13
/** KIP-951 */
const leaderHintSince = 10
const acksValues = [-1, 0, 1]

/**
 * Appends batches. The hottest path of the broker: a batch goes unopened from the receive buffer to the log, and the
 * answer is sent when all partitions are stored: with acks -1 on all in-sync replicas, with acks 1 on this broker's disk. A
 * failed partition does not touch the others.
 */
export const produce = defineHandler({
  api: apis[0],
  // Older librdkafka turns compression off when it does not see version 0 (KAFKA-18659).
  shownFrom: 0,
  overlaps: true,

  handle(request: Request, context): undefined {
    new PendingProduce(request, context).append(request)
  },
})

/** A Produce request on its way to the disk. */
class PendingProduce implements Expiring {
  readonly deadlineMs: number
  private readonly context: RequestContext
  private readonly acks: -1 | 0 | 1
  private readonly topics: TopicAnswer[] = []
  private hints: LeaderHints | undefined
  /** Partitions whose commit is awaited, and one more while batches are still being appended. */
  private awaitedCount = 1
  private firstFault: AppendFault | undefined

  constructor(request: Request, context: RequestContext) {
    this.context = context
    this.acks = request.acks as -1 | 0 | 1
    this.deadlineMs = context.receivedAtMs + request.timeoutMs
  }

  append(request: Request): void {
    const requestFault = findRequestFault(request, this.context)
    for (const { name, topicId, partitionData } of request.topicData) {
      const nameKnown = this.context.apiVersion < topicIdsSince ? name : this.nameOf(topicId)
      const isAllowed = nameKnown !== undefined && mayTopic(this.context, 'write', nameKnown)
      const partitionResponses = new Array<PartitionAnswer>(partitionData.length)
      for (let at = 0; at < partitionData.length; at++) {
        const data = partitionData[at]!
        const answer = newAnswer(data.index)
        partitionResponses[at] = answer
        if (requestFault !== undefined) this.refuse(answer, requestFault)
        else if (nameKnown === undefined) this.refuse(answer, fault('unknown-topic-id'))
        else if (!isAllowed) this.refuse(answer, fault('topic-not-authorized'))
        else this.appendPartition(nameKnown, data, answer)
      }
      this.topics.push({ name, topicId, partitionResponses })
    }
    // What logs have kept of the batches they hold themselves.
    this.context.memory?.letGo()
    this.settle()
    if (this.awaitedCount > 0 && this.acks !== 0) this.context.services.produceDeadlines.add(this)
  }

  /** The data stays and may still commit; the client only learns that nobody knows yet. */
  expire(): void {
    this.awaitedCount = -1
    this.answer()
  }

  private nameOf(topicId: string): string | undefined {
    return this.context.services.topics.findById(topicId)?.name
  }

  private appendPartition(name: string, data: PartitionData, answer: PartitionAnswer): void {
    const { context } = this
    const partition = findPartition(context.services.topics, name, data.index)
    if (typeof partition === 'string') {
      this.refuse(answer, fault(partition), name)
      return
    }
    const { records } = data
    const batchFault = findBatchFault(records, context.apiVersion)
    if (records === null || batchFault !== undefined) {
      this.refuse(answer, batchFault ?? fault('invalid-record'))
      return
    }
    const appended = partition.append(records, context.memory ?? false, this.acks)
    if ('code' in appended) {
      this.refuse(answer, appended, name)
      return
    }
    answer.baseOffset = appended.baseOffset
    answer.logAppendTimeMs = appended.logAppendTimeMs
    answer.logStartOffset = partition.logStartOffset
    if (this.acks === 0) return
    this.awaitedCount++
    const stored = (storeFault: AppendFault | undefined): void => this.stored(name, answer, storeFault)
    if (this.acks === 1) partition.whenDurable(appended.endOffset, stored)
    else partition.whenCommitted(appended.endOffset, stored)
  }

  private stored(name: string, answer: PartitionAnswer, storeFault: AppendFault | undefined): void {
    if (this.awaitedCount < 0) return
    if (storeFault === undefined) answer.errorCode = 0
    else {
      this.refuse(answer, storeFault, name)
      // The records are in the log, and may still be committed: the producer is told so.
      if (storeFault.code === 'not-enough-replicas') answer.errorCode = notEnoughAfterAppend
    }
    this.settle()
  }

  private settle(): void {
    this.awaitedCount--
    if (this.awaitedCount > 0) return
    const { context } = this
    context.services.produceDeadlines.remove(this)
    if (this.acks !== 0) this.answer()
    else if (this.firstFault === undefined) context.answerNothing()
    // Closing is the only way to tell a producer that wants no answers.
    else context.abort(`produce with acks=0 failed: ${this.firstFault.detail}`)
  }

  private answer(): void {
    this.context.answer({ responses: this.topics, nodeEndpoints: this.hints?.endpoints() ?? noEndpoints })
  }

  /** @param name of the topic, if it is known */
  private refuse(answer: PartitionAnswer, refusal: AppendFault, name?: string): void {
    this.firstFault ??= refusal
    answer.errorCode = kafkaErrorCode(refusal.code)
    answer.errorMessage = refusal.detail
    if (refusal.recordIndexes !== undefined) answer.recordErrors = recordFaults(refusal.recordIndexes, refusal.detail)
    answer.baseOffset = -1
    answer.logAppendTimeMs = -1
    this.context.services.metrics.errorAnswered(apis[0].key, answer.errorCode)
    if (refusal.code !== 'not-leader' || name === undefined || this.context.apiVersion < leaderHintSince) return
    this.hints ??= new LeaderHints(this.context)
    answer.currentLeader = this.hints.find(name, answer.index)
  }
}

const timedOut = kafkaErrorCode('timed-out')
const notEnoughAfterAppend = errorCodes.NOT_ENOUGH_REPLICAS_AFTER_APPEND.code
const noEndpoints: readonly never[] = []
const noRecordFaults: readonly RecordFault[] = []

/** Clients fail the named records for good and send the others of the batch again. */
function recordFaults(indexes: readonly number[], message: string): RecordFault[] {
  return indexes.map((batchIndex) => ({ batchIndex, batchIndexErrorMessage: message }))
}

function newAnswer(index: number): PartitionAnswer {
  return {
    index,
    errorCode: timedOut,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    errorMessage: null,
    recordErrors: noRecordFaults,
    currentLeader: undefined,
  }
}

function fault(code: ErrorCode): AppendFault {
  return { code, detail: errorTable[code].message }
}

/** What is wrong with the request as a whole; every partition then gets it. */
function findRequestFault(request: Request, context: RequestContext): AppendFault | undefined {
  const { transactionalId } = request
  if (transactionalId !== null) {
    return mayTransaction(context, 'write', transactionalId) ? noTransactions : fault('transactional-id-not-authorized')
  }
  return acksValues.includes(request.acks) ? undefined : fault('invalid-required-acks')
}

/** What the log cannot judge because it does not know the client's version, or must not see. */
function findBatchFault(records: Uint8Array | null, apiVersion: number): AppendFault | undefined {
  if (records === null) return { code: 'invalid-record', detail: 'The request has no records for the partition.' }
  if (records.length < batchHeaderBytes) return undefined
  if (isTransactional(records, 0)) return noTransactions
  if (apiVersion >= zstdSince || compressionOf(records, 0) !== zstd) return undefined
  return { code: 'unsupported-compression', detail: 'zstd needs a client that speaks version 7 of Produce.' }
}
