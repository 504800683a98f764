import { BrokerError } from '../errors/errors.ts'
import { kafkaErrorCode } from './error-codes.ts'
import type { RequestContext } from './request-context.ts'

const unknownServerError = -1

/** Lets the handler work, and sees to it that the request is answered whatever happens in there. Never throws. */
export function serve(request: unknown, context: RequestContext): void {
  try {
    const result = context.handler.handle(request, context)
    if (result instanceof Promise) {
      result.then(
        (response) => context.answer(response),
        (error: unknown) => refuse(error, request, context),
      )
    } else if (result !== undefined) context.answer(result)
  } catch (error) {
    refuse(error, request, context)
  }
}

/** Answers a request that failed as a whole. */
function refuse(error: unknown, request: unknown, context: RequestContext): void {
  const { handler } = context
  const { errorCode, message } = describeFailure(error, context)
  context.services.metrics.errorAnswered(handler.api.key, errorCode)
  if (handler.refuse === undefined) {
    context.abort(`${handler.api.name} failed: ${message}`)
    return
  }
  try {
    context.answer(handler.refuse(errorCode, message, request))
  } catch (second) {
    describeFailure(second, context)
    context.abort(`${handler.api.name} failed twice`)
  }
}

/**
 * The number and the sentence for the client. An error that is not a BrokerError is a bug: the log gets its stack, the
 * client only that there was one.
 */
export function describeFailure(error: unknown, context: RequestContext): { errorCode: number; message: string } {
  if (error instanceof BrokerError) return { errorCode: kafkaErrorCode(error.code), message: error.message }
  context.services.logger.error('kafka handler failed', {
    api: context.handler.api.name,
    version: context.apiVersion,
    peer: `${context.client.remote.host}:${context.client.remote.port}`,
    stack: error instanceof Error ? error.stack : String(error),
  })
  return { errorCode: unknownServerError, message: 'The broker failed to handle the request; its log says why.' }
}
