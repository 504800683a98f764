import type { FetchRequest, Infer } from '@polylog/wire'
import { apis } from '@polylog/wire'
import { PendingFetch } from '../fetch/pending-fetch.ts'
import { defineHandler } from '../handler.ts'

type Request = Infer<typeof FetchRequest>

const readCommitted = 1

/**
 * Reads batches, waiting up to `maxWaitMs` for `minBytes` of them. A request from a replica is served like a consumer's:
 * up to the high watermark.
 */
export const fetch = defineHandler({
  api: apis[1],

  handle(request: Request, context): { errorCode: number } | undefined {
    const { config, fetchSessions } = context.services
    const scope = fetchSessions.enter(request, context.apiVersion)
    if (scope.errorCode !== 0) return { errorCode: scope.errorCode }
    const bytesMax = Math.max(0, Math.min(request.maxBytes, config.fetchBytesMax))
    new PendingFetch(context, scope, {
      bytesMin: Math.min(request.minBytes, bytesMax),
      bytesMax,
      waitMsMax: request.maxWaitMs,
      isolation: request.isolationLevel === readCommitted ? 'read-committed' : 'read-uncommitted',
    }).start()
    return undefined
  },

  refuse: (errorCode) => ({ errorCode }),
})
