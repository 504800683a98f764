import { ClientError } from '../client-error.ts'
import type { RetryOptions } from '../consumer/consumer-options.ts'
import { expectOtherTopic, expectRetryOptions } from '../consumer/consumer-options.ts'
import type { DeduplicationOptions } from '../deduplication/deduplication-options.ts'
import { expectDeduplicationOptions } from '../deduplication/deduplication-options.ts'
import type { ReceivedMessage } from '../consumer/queue-message.ts'
import type { NumberKind, OptionKind } from '../option-checks.ts'
import { expectKinds, expectOptions } from '../option-checks.ts'
import type { TopicLike } from '../serialization/topic.ts'
import type { AssignorName } from './assignors.ts'
import { protocolNames } from './assignors.ts'

export interface SubscriptionOptions<Output = Buffer | null> {
  /** Consumer group: each partition is read by one of its members. */
  group: string
  topic: TopicLike<Output, never> | readonly TopicLike<Output, never>[]
  /** Whether topics that are missing may be made, if the broker's settings allow it. Default false: starting fails. */
  createTopics?: boolean
  /** Where to begin in a partition without a committed offset. Default 'beginning'. */
  from?: 'beginning' | 'end'
  /** Default 'cooperative-sticky'. */
  assignor?: AssignorName
  /** Handlers that run at a time, never two for one key. Default 1. */
  concurrency?: number
  /** A message whose handler throws is tried again in place, which holds up its key. Default 5 attempts, 1 s to 60 s apart. */
  retry?: RetryOptions
  /** Messages whose id was handled within some time are not handled again. Default: every message is handled. */
  deduplication?: DeduplicationOptions
  /** Topic that takes the messages that failed as often as they may. Without it they are told to `onError` and left. */
  deadLetter?: string
  /** A member that is silent for so long loses its partitions. Default 30 s. */
  sessionTimeoutMs?: number
  /** How long members have to finish what they handle when partitions move. Default 60 s. */
  rebalanceTimeoutMs?: number
  /** Time between two commits. Default 1 s. */
  commitIntervalMs?: number
  /** How long starting may take. Default 90 s: a group waits for members that do not answer. */
  startTimeoutMs?: number
  onError?: (error: unknown, message: ReceivedMessage<Output> | undefined) => void
}

const names = [
  'group',
  'topic',
  'createTopics',
  'from',
  'assignor',
  'concurrency',
  'retry',
  'deduplication',
  'deadLetter',
  'sessionTimeoutMs',
  'rebalanceTimeoutMs',
  'commitIntervalMs',
  'startTimeoutMs',
  'onError',
] as const satisfies (keyof SubscriptionOptions)[]
const numbers = {
  concurrency: 'count',
  sessionTimeoutMs: 'interval',
  rebalanceTimeoutMs: 'interval',
  commitIntervalMs: 'interval',
  startTimeoutMs: 'time',
} as const satisfies Partial<Record<keyof SubscriptionOptions, NumberKind>>
const kinds: Readonly<Record<string, OptionKind>> = {
  createTopics: 'boolean',
  from: ['beginning', 'end'],
  deadLetter: 'text',
  onError: 'function',
}

/** @throws ClientError 'invalid-options' */
export function expectSubscriptionOptions(options: object): void {
  expectOptions('subscription', options, names, numbers)
  const given = options as Partial<SubscriptionOptions>
  if (typeof given.group !== 'string' || given.group === '') throw invalid('a subscription needs a group')
  if (given.topic === undefined || (Array.isArray(given.topic) && given.topic.length === 0)) {
    throw invalid('a subscription needs a topic')
  }
  expectKinds('subscription', options, kinds)
  expectRetryOptions(given.retry)
  expectOtherTopic(given.deadLetter, given.topic)
  if (given.deduplication !== undefined) expectDeduplicationOptions(given.deduplication)
  if (given.assignor !== undefined && !Object.hasOwn(protocolNames, given.assignor)) {
    throw invalid(`there is no assignor "${given.assignor}"; there are ${Object.keys(protocolNames).join(', ')}`)
  }
}

function invalid(message: string): ClientError {
  return new ClientError('invalid-options', message)
}
