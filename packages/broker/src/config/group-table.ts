/**
 * Every setting of a group: Kafka's names where Kafka has it, ours begin with `polylog.`. They are kept in the metadata store
 * and changed by IncrementalAlterConfigs on a GROUP resource. docs/queues.md says what each does.
 */
import type { Setting } from './setting.ts'
import { choice, longMax, whole, words } from './setting.ts'

/** Where a group begins on a partition of which nothing is stored. */
export type OffsetReset =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  /** At the first record that is not older than this. */
  | { readonly kind: 'duration'; readonly durationMs: number }

const dayMs = 86_400_000
const filterCharactersMax = 2000

export const groupTable = {
  offsetReset: offsetReset({
    name: 'share.auto.offset.reset',
    default: { kind: 'latest' },
    documentation:
      'Where a share group begins on a partition it has not read of: earliest, latest, or by_duration:PT1H for the records of the last hour.',
  }),
  lockDurationMs: whole('int', {
    name: 'share.record.lock.duration.ms',
    default: 30_000,
    min: 1000,
    max: 3_600_000,
    unit: 'ms',
    documentation: 'How long a member may hold a message before it goes to others, unless it renews the lock.',
  }),
  heartbeatIntervalMs: whole('int', {
    name: 'share.heartbeat.interval.ms',
    default: 5000,
    min: 500,
    max: 60_000,
    unit: 'ms',
    documentation: 'How often members of a share group say that they live.',
  }),
  sessionTimeoutMs: whole('int', {
    name: 'share.session.timeout.ms',
    default: 45_000,
    min: 1000,
    max: 3_600_000,
    unit: 'ms',
    documentation: 'After how long without a heartbeat a member of a share group is gone.',
  }),
  isolation: choice({
    name: 'share.isolation.level',
    default: 'read_uncommitted',
    choices: ['read_uncommitted', 'read_committed'],
    documentation: 'Whether a share group gets records of transactions that are open or were aborted.',
  }),
  deliveryCountMax: whole('int', {
    name: 'share.delivery.count.limit',
    default: 5,
    min: 1,
    max: 1000,
    unit: 'count',
    documentation: 'Deliveries after which a message that was not accepted is given up.',
  }),
  lockCountMax: whole('int', {
    name: 'share.partition.max.record.locks',
    default: 2000,
    min: 1,
    max: 100_000,
    unit: 'count',
    documentation: 'Messages of one partition that members may hold at a time.',
  }),
  retryBackoffMs: whole('int', {
    name: 'polylog.retry.backoff.ms',
    default: 0,
    min: 0,
    max: 7 * dayMs,
    unit: 'ms',
    documentation: 'Pause before the second delivery of a message; it doubles with each one after that. 0: none.',
  }),
  retryBackoffMsMax: whole('int', {
    name: 'polylog.retry.backoff.max.ms',
    default: 600_000,
    min: 0,
    max: 7 * dayMs,
    unit: 'ms',
    documentation: 'Longest pause between two deliveries of a message.',
  }),
  deadLetterTopic: words({
    name: 'polylog.dead.letter.topic',
    default: '',
    max: 249,
    empty: true,
    documentation:
      'Topic that takes messages which are given up, with headers that say why and where from. Empty: they are only counted.',
  }),
  tagFilter: words({
    name: 'polylog.filter.tags',
    default: '',
    max: filterCharactersMax,
    empty: true,
    documentation:
      'The group gets messages that have one of these tags (a,b,c), or one in which this regular expression finds something (/^paid/). Empty: all.',
  }),
  headerFilter: words({
    name: 'polylog.filter.headers',
    default: '',
    max: filterCharactersMax,
    empty: true,
    documentation:
      'The group gets messages whose headers meet all of these conditions, separated by ";": name, name=value, name=one|other, name=/regular expression/. Empty: all.',
  }),
  messageTtlMs: whole('long', {
    name: 'polylog.message.ttl.ms',
    default: -1,
    min: -1,
    max: longMax,
    unit: 'ms',
    documentation:
      'Age at which a message is given up undelivered, or earlier if its header polylog-expires-at says so. -1: neither.',
  }),
}

/** Days, hours, minutes and seconds of ISO 8601. */
const durationForm = /^P(?:(\d{1,6})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?$/
const durationPrefix = 'by_duration:'

/** [KIP-932, KIP-1106] */
function offsetReset(row: { name: string; default: OffsetReset; documentation: string }): Setting<OffsetReset> {
  return {
    ...row,
    type: 'string',
    findFault: () => undefined,
    parse: (text) => {
      const word = text.trim()
      if (word === 'earliest' || word === 'latest') return { value: { kind: word } }
      const durationMs = word.startsWith(durationPrefix) ? parseDuration(word.slice(durationPrefix.length)) : undefined
      if (durationMs !== undefined) return { value: { kind: 'duration', durationMs } }
      return { fault: `must be earliest, latest or ${durationPrefix}PT1H and the like, not "${text}"` }
    },
    format: (value) => (value.kind === 'duration' ? `${durationPrefix}PT${value.durationMs / 1000}S` : value.kind),
  }
}

function parseDuration(text: string): number | undefined {
  const match = durationForm.exec(text)
  if (match === null || text.endsWith('P') || text.endsWith('T')) return undefined
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0))
  return Math.round(days * dayMs + hours * 3_600_000 + minutes * 60_000 + seconds * 1000)
}
