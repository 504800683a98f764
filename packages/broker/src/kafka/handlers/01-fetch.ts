import type { FetchRequest, Infer, InferInput, FetchResponse } from '@polylog/wire'
import { apis, errorCodes } from '@polylog/wire'
import { ConsumerReader } from '../fetch/consumer-reader.ts'
import { FollowerReader } from '../fetch/follower-reader.ts'
import { PendingFetch } from '../fetch/pending-fetch.ts'
import type { FetchTerms } from '../fetch/pending-fetch.ts'
import { defineHandler } from '../handler.ts'
import type { BrokerPrincipal } from '../peer/broker-proof.ts'
import type { RequestContext } from '../request-context.ts'

type Request = Infer<typeof FetchRequest>
type Response = InferInput<typeof FetchResponse>

const readCommitted = 1
const replicaStateSince = 15
/** Before this version an answer has no place for an error of the whole. */
const errorCodeSince = 7

/**
 * Reads batches, waiting up to `maxWaitMs` for `minBytes` of them. Consumers get what is committed. Followers, which have
 * to prove that they are brokers of this cluster (CVE-2018-1288), get what is on this broker's disk.
 */
export const fetch = defineHandler({
  api: apis[1],

  handle(request: Request, context): Response | undefined {
    const replicaId = replicaIdOf(request, context.apiVersion)
    if (replicaId < 0) return serveConsumer(request, context)
    const follower = findFollower(request, replicaId, context)
    return follower ? serveFollower(request, context, follower) : refuseReplica(request, replicaId, context)
  },

  refuse: (errorCode) => ({ errorCode }),
})

function serveConsumer(request: Request, context: RequestContext): Response | undefined {
  const scope = context.services.fetchSessions.enter(request, context.apiVersion)
  if (scope.errorCode !== 0) return { errorCode: scope.errorCode }
  const isolation = request.isolationLevel === readCommitted ? 'read-committed' : 'read-uncommitted'
  const reader = new ConsumerReader(context, scope, isolation, request.rackId)
  new PendingFetch(context, scope, reader, termsOf(request, context, false)).start()
  return undefined
}

/** A follower's session belongs to its connection: no other broker can go on with it, and it ends when that ends. */
function serveFollower(request: Request, context: RequestContext, follower: BrokerPrincipal): Response | undefined {
  const { authentication } = context.client
  const { replicaFetchSessions: sessions } = context.services
  if (request.sessionId !== 0 && request.sessionId !== authentication.fetchSession?.id) {
    return { errorCode: errorCodes.FETCH_SESSION_ID_NOT_FOUND.code }
  }
  const scope = sessions.enter(request, context.apiVersion)
  if (scope.errorCode !== 0) return { errorCode: scope.errorCode }
  const id = scope.session?.id
  if (id !== authentication.fetchSession?.id) {
    authentication.bind(id === undefined ? undefined : { id, end: () => sessions.remove(id) })
  }
  const reader = new FollowerReader(context, follower, scope)
  reader.note()
  new PendingFetch(context, scope, reader, termsOf(request, context, true)).start()
  return undefined
}

function termsOf(request: Request, { services }: RequestContext, isFollower: boolean): FetchTerms {
  const bytesMax = Math.max(0, Math.min(request.maxBytes, services.config.fetchBytesMax))
  return {
    bytesMin: Math.min(request.minBytes, bytesMax),
    bytesMax,
    waitMsMax: request.maxWaitMs,
    isReadCommitted: !isFollower && request.isolationLevel === readCommitted,
    isFollower,
  }
}

/** Negative for consumers. */
function replicaIdOf({ replicaId, replicaState }: Request, apiVersion: number): number {
  return apiVersion >= replicaStateSince ? replicaState.replicaId : replicaId
}

/** The broker that this request comes from, if it is the one that the request names, in its present life. */
function findFollower(request: Request, replicaId: number, context: RequestContext): BrokerPrincipal | undefined {
  const { broker } = context.client.authentication
  if (broker === undefined || broker.brokerId !== replicaId) return undefined
  const isSameLife = context.apiVersion < replicaStateSince || request.replicaState.replicaEpoch === broker.brokerEpoch
  return isSameLife ? broker : undefined
}

function refuseReplica(
  request: Request,
  replicaId: number,
  { apiVersion, client, services }: RequestContext,
): Response {
  const errorCode = errorCodes.CLUSTER_AUTHORIZATION_FAILED.code
  services.metrics.errorAnswered(apis[1].key, errorCode)
  const peer = `${client.remote.host}:${client.remote.port}`
  services.logger.warn('fetch of a replica refused: the client has not proved to be that broker', { peer, replicaId })
  if (apiVersion >= errorCodeSince) return { errorCode }
  const responses = request.topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map(({ partition }) => ({
      partitionIndex: partition,
      errorCode,
      highWatermark: -1,
      abortedTransactions: null,
      records: null,
    })),
  }))
  return { responses }
}
