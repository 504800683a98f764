import type { ApiAnswer, ApiCall } from './api-call.ts'
import { readBody, readBrokerId } from './request-body.ts'

/** GET /api/brokers/{id}/drain. */
export function showDrain({ sources, name }: ApiCall): ApiAnswer {
  return { status: 200, body: progressOf({ sources, name }) }
}

/** POST /api/brokers/{id}/drain: 202, for it has only begun. */
export async function drainBroker({ sources, request, name }: ApiCall): Promise<ApiAnswer> {
  readBody(request, [])
  await sources.cluster.startDrain(readBrokerId(name))
  return { status: 202, body: progressOf({ sources, name }) }
}

/** DELETE /api/brokers/{id}/drain. */
export async function endDrain({ sources, name }: ApiCall): Promise<ApiAnswer> {
  await sources.cluster.stopDrain(readBrokerId(name))
  return { status: 200, body: progressOf({ sources, name }) }
}

/** DELETE /api/brokers/{id}. */
export async function removeBroker({ sources, name }: ApiCall): Promise<ApiAnswer> {
  const brokerId = readBrokerId(name)
  await sources.cluster.removeBroker(brokerId)
  return { status: 200, body: { brokerId, removed: true } }
}

function progressOf({ sources, name }: Pick<ApiCall, 'sources' | 'name'>): unknown {
  const brokerId = readBrokerId(name)
  const { isRequested, replicaCount, leaderCount } = sources.cluster.drainProgress(brokerId)
  return { brokerId, draining: isRequested, replicas: replicaCount, leaders: leaderCount }
}
