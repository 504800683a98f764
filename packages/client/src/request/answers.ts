import type { ClientContext } from '../client-context.ts'
import { ReceivedMessage } from '../consumer/queue-message.ts'
import { ClientError } from '../client-error.ts'
import { headerNames } from '../header-names.ts'
import type { Bytes, ReceivedRecord } from '../records/record.ts'
import { within } from '../waiting.ts'
import { replyTopicPrefix } from './reply-topic.ts'

/** The request waits for its acknowledgement no longer than this: whoever asked may be gone. */
const answerTimeoutMs = 10_000

/** MESSAGE_TOO_LARGE and RECORD_LIST_TOO_LARGE. */
const tooLargeCodes: readonly number[] = [10, 18]

/** Whether somebody waits for an answer. */
export function isRequest(message: ReceivedMessage<unknown>): boolean {
  return message.header(headerNames.replyTo) !== undefined
}

/** Answers a request with what its handler returned; does nothing for a message that is none. @throws ClientError */
export async function answer(
  context: ClientContext,
  message: ReceivedMessage<unknown>,
  result: unknown,
): Promise<void> {
  if (!isRequest(message)) return
  let value: Bytes
  try {
    value = bytesOfAnswer(result)
  } catch (error) {
    // Whoever asks must not wait for an answer that cannot be made.
    await answerFailure(context, message, error)
    throw error
  }
  try {
    await send(context, message, value, {})
  } catch (error) {
    // Whoever asks must not wait for an answer that no broker takes.
    if (error instanceof ClientError && tooLargeCodes.includes(error.kafkaCode)) {
      await answerFailure(context, message, new Error(`the answer was refused: ${error.message}`))
    }
    throw error
  }
}

/** Answers that the handler failed for good. @throws ClientError */
export async function answerFailure(
  context: ClientContext,
  message: ReceivedMessage<unknown>,
  error: unknown,
): Promise<void> {
  if (!isRequest(message)) return
  await send(context, message, null, { [headerNames.error]: error instanceof Error ? error.message : String(error) })
}

/** Answers a request that nobody handles, because one of its id was handled: whoever asks must not wait. @throws ClientError */
export async function answerRepeat(context: ClientContext, record: ReceivedRecord): Promise<void> {
  const message = new ReceivedMessage(record, undefined)
  await answerFailure(context, message, new Error(`a message of the id "${message.id}" was handled before`))
}

/** Text and bytes as they are, nothing as null, all else as JSON. @throws ClientError 'invalid-value' */
function bytesOfAnswer(result: unknown): Bytes {
  if (result === undefined || result === null) return null
  if (typeof result === 'string' || result instanceof Uint8Array) return result
  try {
    // Undefined for functions and symbols, whatever the declaration says.
    const text = JSON.stringify(result) as string | undefined
    if (text !== undefined) return text
  } catch (cause) {
    throw new ClientError('invalid-value', `the answer cannot be written as JSON: ${String(cause)}`, { cause })
  }
  throw new ClientError('invalid-value', `the answer cannot be written as JSON: it is a ${typeof result}`)
}

async function send(
  context: ClientContext,
  message: ReceivedMessage<unknown>,
  value: Bytes,
  headers: Record<string, string>,
): Promise<void> {
  const topic = message.header(headerNames.replyTo)!
  const correlationId = message.header(headerNames.correlationId)
  if (!topic.startsWith(replyTopicPrefix) || correlationId === undefined) {
    throw new ClientError('invalid', `the request names "${topic}" for its answer, which is no topic for answers`)
  }
  const { cluster, environment, backoff } = context
  const late = (): ClientError => new ClientError('timed-out', `the answer could not be sent to "${topic}" in time`)
  const sending = (async () => {
    // A client that has gone has taken its topic along; it must not be made again.
    await cluster.topicWhenThere(topic, { create: false, timeoutMs: answerTimeoutMs, backoff })
    const answer = { value, headers: { ...headers, [headerNames.correlationId]: correlationId } }
    const sendIt = () => context.producer().send(topic, answer)
    await (context.tracing === undefined ? sendIt() : context.tracing.because(message, sendIt))
  })()
  sending.catch(() => undefined)
  await within(environment, sending, answerTimeoutMs, late)
}
