import { headerNames } from '../header-names.ts'
import type { ClientContext } from '../client-context.ts'
import type { OutgoingMessage } from '../outgoing-message.ts'
import type { ReceivedRecord } from '../records/record.ts'
import { backoffMs, pauseFor } from '../waiting.ts'
import { boundedReason } from './delivery.ts'
import { ReceivedMessage, headerOf } from './queue-message.ts'

/** A record that goes to the topic of those that nobody could handle, and what is told of it there. */
export interface Burial {
  readonly topic: string
  readonly record: ReceivedRecord
  readonly deliveryCount: number
  readonly group: string
  readonly reason: string
}

/** Whoever sends dead letters. */
export interface Undertaker {
  /** Told of each attempt that failed. */
  readonly report: (error: unknown) => void
  /** Ends the attempts: the consumer is closed. */
  readonly signal: AbortSignal
  /** Asked between attempts: whether the record is still this consumer's. */
  readonly isWanted: () => boolean
}

/**
 * Sends a dead letter, again and again until it is stored: what cannot be buried must not be lost, nor be left lying.
 * @throws ClientError what the last attempt met, if it is not wanted any more
 */
export async function bury(context: ClientContext, burial: Burial, undertaker: Undertaker): Promise<void> {
  const { environment, backoff, tracing } = context
  const { report, signal, isWanted } = undertaker
  const because = new ReceivedMessage(burial.record, undefined)
  const send = () => context.producer().send(burial.topic, deadLetterOf(burial))
  for (let attempt = 1; ; attempt++) {
    try {
      await (tracing === undefined ? send() : tracing.because(because, send))
      return
    } catch (error) {
      report(error)
      const delayMs = backoffMs(backoff, attempt, environment.random())
      await pauseFor(environment, delayMs, signal).catch(() => undefined)
      if (signal.aborted || !isWanted()) throw error
    }
  }
}

/** The record as it was, with headers that say what happened; the names are the broker's (docs/adr/0009-queues.md). */
function deadLetterOf({ record, deliveryCount, group, reason }: Burial): OutgoingMessage {
  const headers: Record<string, Uint8Array | string | null> = {}
  for (const { key, value } of record.headers) if (key !== headerNames.id) headers[key] = value
  headers['polylog.dead.reason'] = boundedReason(reason)
  headers['polylog.dead.topic'] = record.topic
  headers['polylog.dead.partition'] = String(record.partition)
  headers['polylog.dead.offset'] = String(record.offset)
  headers['polylog.dead.group'] = group
  headers['polylog.dead.deliveries'] = String(deliveryCount)
  const message: OutgoingMessage = { key: record.key, value: record.value, headers }
  const id = headerOf(record.headers, headerNames.id)
  return id === undefined ? message : { ...message, id }
}
