import { ClientError } from '../client-error.ts'
import type { DeduplicationOptions } from '../deduplication/deduplication-options.ts'
import { expectDeduplicationOptions } from '../deduplication/deduplication-options.ts'
import type { NumberKind, OptionKind } from '../option-checks.ts'
import { expectKinds, expectOptions } from '../option-checks.ts'
import type { TopicLike } from '../serialization/topic.ts'
import { topicOf } from '../serialization/topic.ts'
import type { QueueMessage } from './queue-message.ts'

export interface RetryOptions {
  /** Deliveries of one message, the first included; after them it is rejected. Default 5. */
  attempts?: number
  /** Wait before the second delivery. Default 1 s. */
  initialMs?: number
  /** The wait doubles up to this. Default 60 s. */
  maxMs?: number
}

export interface QueueOptions<Output = Buffer | null> {
  /** Share group: each of its messages goes to one of its consumers at a time; groups know nothing of each other. */
  group: string
  topic: TopicLike<Output, never> | readonly TopicLike<Output, never>[]
  /** Only messages with at least one of these tags; the group takes the others, those without tags among them, as done. */
  tags?: readonly string[]
  /** Whether topics that are missing may be made, if the broker's settings allow it. Default false: starting fails. */
  createTopics?: boolean
  /** Where a group begins that is new. Default 'beginning'. */
  from?: 'beginning' | 'end'
  retry?: RetryOptions
  /** Messages whose id was handled within some time are taken as done. Default: every message is handled. */
  deduplication?: DeduplicationOptions
  /** Topic that takes the messages that are rejected. */
  deadLetter?: string
  /** Age from which no message of the topic is delivered any more. */
  ttlMs?: number
  /** How long a message is lent; it is renewed while it is at work. Default: the group's, 30 s. */
  lockMs?: number
  /** How long starting may take. Default 30 s. */
  startTimeoutMs?: number
  /**
   * Told of what goes wrong and does not stop the consumer: a handler that threw, a value that does not fit its schema, a lock
   * that was lost, a right that is missing. Also on the diagnostics channel `polylog:consumer:error`.
   */
  onError?: (error: unknown, message: QueueMessage<Output> | undefined) => void
}

export interface PushOptions<Output = Buffer | null> extends QueueOptions<Output> {
  /** Handlers that run at a time. Default 1. */
  concurrency?: number
  /**
   * One message of a key at a time, in order; a failing one is tried again in place and holds up its key, not the others. Not
   * together with `batch`.
   */
  ordered?: boolean
  /** Messages that may be here, waiting or at work. Default: twice `concurrency`, more if they are handled fast. */
  prefetch?: number
}

export interface BatchOptions {
  /** Most messages of one call. Default 100. */
  max?: number
  /** How long the first of a batch waits for others. Default 50 ms. */
  waitMs?: number
}

export interface BatchPushOptions<Output = Buffer | null> extends Omit<PushOptions<Output>, 'ordered'> {
  batch: BatchOptions
}

const queueNames = [
  'group',
  'topic',
  'tags',
  'createTopics',
  'from',
  'retry',
  'deduplication',
  'deadLetter',
  'ttlMs',
  'lockMs',
  'startTimeoutMs',
  'onError',
] as const satisfies (keyof QueueOptions<unknown>)[]
const pushNames = [...queueNames, 'concurrency', 'ordered', 'prefetch']
const formNames = { pull: queueNames, single: pushNames, batch: [...pushNames, 'batch'] }
const numbers = {
  ttlMs: 'age',
  lockMs: 'interval',
  startTimeoutMs: 'time',
  concurrency: 'count',
  prefetch: 'count',
} as const satisfies Partial<Record<keyof PushOptions, NumberKind>>
const kinds: Readonly<Record<string, OptionKind>> = {
  tags: 'array',
  createTopics: 'boolean',
  from: ['beginning', 'end'],
  deadLetter: 'text',
  onError: 'function',
  ordered: 'boolean',
}
const retryNumbers = {
  attempts: 'count',
  initialMs: 'wholeTime',
  maxMs: 'wholeTime',
} as const satisfies Record<keyof RetryOptions, NumberKind>

/**
 * @param form how messages are had: pulled, or by a handler that is called with one or with a batch
 * @throws ClientError 'invalid-options'
 */
export function expectQueueOptions(options: object, form: 'pull' | 'single' | 'batch'): void {
  expectOptions('consumer', options, formNames[form], numbers)
  const given = options as Partial<PushOptions<unknown>> & { batch?: BatchOptions }
  if (typeof given.group !== 'string' || given.group === '') throw invalid('a consumer needs a group')
  if (given.topic === undefined || (Array.isArray(given.topic) && given.topic.length === 0)) {
    throw invalid('a consumer needs a topic')
  }
  expectKinds('consumer', options, kinds)
  expectRetryOptions(given.retry)
  expectOtherTopic(given.deadLetter, given.topic)
  if (given.deduplication !== undefined) expectDeduplicationOptions(given.deduplication)
  if (form === 'batch') {
    if (given.batch === undefined) throw invalid('a consumer of batches needs "batch", which may be empty: batch: {}')
    expectOptions('batch', given.batch, ['max', 'waitMs'], { max: 'count', waitMs: 'time' })
    if (given.ordered === true) throw invalid('"ordered" and "batch" contradict each other')
  }
  for (const tag of given.tags ?? []) if (tag === '' || tag.includes(',')) throw invalid(`"${tag}" cannot be a tag`)
}

/** @throws ClientError 'invalid-options' */
export function expectRetryOptions(retry: RetryOptions | undefined): void {
  if (retry === undefined) return
  expectOptions('retry', retry, Object.keys(retryNumbers), retryNumbers)
}

/** A dead letter in the topic that it comes from would be delivered, fail and be put aside again, for ever. */
export function expectOtherTopic(
  deadLetter: string | undefined,
  topics: TopicLike<unknown, never> | readonly TopicLike<unknown, never>[],
): void {
  const likes = [topics].flat() as TopicLike<unknown, never>[]
  if (likes.some((like) => topicOf(like).name === deadLetter)) {
    throw invalid(`"deadLetter" is another topic than those that are consumed, not "${deadLetter}" too`)
  }
}

function invalid(message: string): ClientError {
  return new ClientError('invalid-options', message)
}

type GroupOptions = Omit<QueueOptions<unknown>, 'topic' | 'onError'>

/** The settings of the group that the options ask for. */
export function groupSettingsOf(options: GroupOptions): Map<string, string> {
  const settings = new Map([['share.auto.offset.reset', options.from === 'end' ? 'latest' : 'earliest']])
  const { attempts, initialMs, maxMs } = retryOf(options)
  settings.set('share.delivery.count.limit', String(attempts))
  settings.set('polylog.retry.backoff.ms', String(initialMs))
  settings.set('polylog.retry.backoff.max.ms', String(maxMs))
  if (options.lockMs !== undefined) settings.set('share.record.lock.duration.ms', String(options.lockMs))
  if (options.deadLetter !== undefined) settings.set(deadLetterSetting, options.deadLetter)
  if (options.tags !== undefined) settings.set(tagsSetting, options.tags.join(','))
  if (options.ttlMs !== undefined) settings.set(ttlSetting, String(options.ttlMs))
  return settings
}

export const deadLetterSetting = 'polylog.dead.letter.topic'
export const tagsSetting = 'polylog.filter.tags'
export const ttlSetting = 'polylog.message.ttl.ms'

export function retryOf({ retry }: GroupOptions): Required<RetryOptions> {
  return { attempts: retry?.attempts ?? 5, initialMs: retry?.initialMs ?? 1000, maxMs: retry?.maxMs ?? 60_000 }
}
