import type { Api, Message } from '@polylog/wire'
import type { RequestContext } from './request-context.ts'

/** Serves one API of the protocol. There is one file per handler in `handlers/`, and `dispatch.ts` lists them. */
export interface Handler<Request = unknown, Response = unknown> {
  /** The API's key, versions and messages. All its versions are served. */
  readonly api: Api<Message<Request, unknown>, Message<unknown, Response>>
  /** First version shown in ApiVersions, where it is not the first one served. */
  readonly shownFrom?: number
  /**
   * True if later requests of the connection may be worked on while this one waits. All others are served one by one,
   * as Kafka does: clients rely on it, say when they create a topic and at once ask for its metadata.
   */
  readonly overlaps?: boolean

  /**
   * Returns the answer, or undefined if it comes later through the context (`answer`, `answerNothing`, `abort`).
   * Byte fields of the request are views that are valid only during the call unless `context.memory` is there.
   * A BrokerError thrown, or any other, becomes the answer that `refuse` makes.
   */
  handle(request: Request, context: RequestContext): Response | Promise<Response> | undefined

  /** Makes the answer to a request that failed as a whole. Without it, the connection is closed. */
  refuse?(errorCode: number, message: string, request: Request, apiVersion: number): Response

  /** Makes the version-0 answer to a request of unknown version. Without it, the connection is closed. */
  handleUnknownVersion?(context: RequestContext): Response
}

/** Checks a handler against its message types and then forgets them, so that all handlers fit in one table. */
export function defineHandler<RequestOutput, RequestInput, ResponseOutput, ResponseInput>(
  definition: Omit<Handler<RequestOutput, ResponseInput>, 'api'> & {
    readonly api: Api<Message<RequestOutput, RequestInput>, Message<ResponseOutput, ResponseInput>>
  },
): Handler {
  return definition as unknown as Handler
}
