import { BrokerError } from '../errors/errors.ts'
import { kafkaErrorCode } from './error-codes.ts'
import type { Handler } from './handler.ts'
import type { RequestContext } from './request-context.ts'

const unknownServerError = -1

/** Lets the handler work, and sees to it that the request is answered whatever happens in there. Never throws. */
export function serve(handler: Handler, request: unknown, context: RequestContext): void {
  try {
    const result = handler.handle(request, context)
    if (result instanceof Promise) {
      result.then(
        (response) => context.answer(response),
        (error: unknown) => refuse(handler, error, request, context),
      )
    } else if (result !== undefined) context.answer(result)
  } catch (error) {
    refuse(handler, error, request, context)
  }
}

/** Answers a request that failed as a whole. */
function refuse(handler: Handler, error: unknown, request: unknown, context: RequestContext): void {
  const { errorCode, message } = describeFailure(error, context)
  if (handler.refuse === undefined) {
    context.abort(`${handler.api.name} failed: ${message}`)
    return
  }
  try {
    context.answer(handler.refuse(errorCode, message, request, context.apiVersion))
  } catch (second) {
    describeFailure(second, context)
    context.abort(`${handler.api.name} failed twice`)
  }
}

/** A failure as the client is told of it. */
export interface Failure {
  readonly errorCode: number
  readonly message: string
}

/**
 * Turns an exception, of a whole request or of one item in it, into what the client is told, and counts it. An error that
 * is not a BrokerError is a bug: the log gets its stack, the client only that there was one.
 */
export function describeFailure(error: unknown, context: RequestContext): Failure {
  const { logger, metrics } = context.services
  const { api } = context
  const isExpected = error instanceof BrokerError
  const errorCode = isExpected ? kafkaErrorCode(error.code) : unknownServerError
  metrics.errorAnswered(api.key, errorCode)
  if (isExpected) return { errorCode, message: error.message }
  const { host, port } = context.client.remote
  const stack = error instanceof Error ? error.stack : String(error)
  logger.error('kafka handler failed', { api: api.name, version: context.apiVersion, peer: `${host}:${port}`, stack })
  return { errorCode, message: 'The broker failed to handle the request; its log says why.' }
}

/** Answers each item of a request on its own: what fails for one leaves the others alone. Keeps their order. */
export function answerEach<Item, Answer>(
  items: readonly Item[],
  context: RequestContext,
  work: (item: Item) => Promise<Answer>,
  failed: (item: Item, failure: Failure) => Answer,
): Promise<Answer[]> {
  return Promise.all(
    items.map(async (item) => {
      try {
        return await work(item)
      } catch (error) {
        return failed(item, describeFailure(error, context))
      }
    }),
  )
}
