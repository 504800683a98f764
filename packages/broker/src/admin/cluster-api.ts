import { nearestOf } from '../config/nearest.ts'
import type { HttpRequest, HttpResponse } from '../host/http.ts'
import { ApiError, answerTo, notFound } from './api-error.ts'
import type { Action } from './api-call.ts'
import { drainBroker, endDrain, removeBroker, showDrain } from './broker-actions.ts'
import { clusterPage, topicPage, topicsPage } from './cluster-page.ts'
import type { ClusterSources } from './cluster-sources.ts'
import { elect, reassign, showReassignments, syncTopic } from './partition-actions.ts'
import { deletePolicy, putPolicy, showPolicies, showPolicy } from './policy-actions.ts'
import { checkRead, checkWrite } from './request-guard.ts'
import type { GuardFacts } from './request-guard.ts'
import { jsonResponse } from './responses.ts'

interface Route {
  /** As docs/http-api.md has it. */
  readonly path: string
  readonly pattern: RegExp
  readonly actions: Readonly<Partial<Record<'GET' | 'PUT' | 'POST' | 'DELETE', Action>>>
}

/** Every path of the API. The names of policies may hold slashes, those of topics may not. */
export const routes: readonly Route[] = [
  route('/api/cluster', { GET: shows(clusterPage) }),
  route('/api/topics', { GET: shows(topicsPage) }),
  route('/api/topics/{name}', { GET: ({ sources, name }) => ({ status: 200, body: topicPage(sources, name) }) }),
  route('/api/topics/{name}/sync', { POST: syncTopic }),
  route('/api/policies', { GET: showPolicies }),
  route('/api/policies/{name…}', { GET: showPolicy, PUT: putPolicy, DELETE: deletePolicy }),
  route('/api/brokers/{id}', { DELETE: removeBroker }),
  route('/api/brokers/{id}/drain', { GET: showDrain, POST: drainBroker, DELETE: endDrain }),
  route('/api/reassignments', { GET: showReassignments, POST: reassign }),
  route('/api/elections', { POST: elect }),
]

export const apiPrefix = '/api/'

/** Answers what stands under `/api/`. `sources` gives undefined until the broker has found its cluster. */
export async function answerApi(
  request: HttpRequest,
  sources: ClusterSources | undefined,
  facts: GuardFacts,
): Promise<HttpResponse> {
  try {
    const { action, name } = findAction(request)
    if (isRead(request)) checkRead(request, facts)
    else checkWrite(request, facts)
    if (sources === undefined) {
      throw new ApiError(503, 'starting', 'The broker has not joined its cluster yet.', 'Try again in a moment.')
    }
    const { status, body } = await action({ sources, request, name })
    const response = jsonResponse(status, body)
    return request.method === 'HEAD' ? { ...response, body: '' } : response
  } catch (error) {
    return answerTo(error)
  }
}

function findAction(request: HttpRequest): { action: Action; name: string } {
  for (const { path, pattern, actions } of routes) {
    const match = pattern.exec(request.path)
    if (match === null) continue
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const action = Object.hasOwn(actions, method) ? actions[method as keyof typeof actions] : undefined
    if (action !== undefined) return { action, name: match[1] ?? '' }
    const allowed = Object.keys(actions).flatMap((each) => (each === 'GET' ? ['GET', 'HEAD'] : [each]))
    const message = `${path} takes ${allowed.join(', ')}, not ${request.method.slice(0, 20)}.`
    throw new ApiError(405, 'method-not-allowed', message, undefined, { allow: allowed.join(', ') })
  }
  const paths = routes.map(({ path }) => path)
  const nearest = nearestOf(request.path, paths)
  const hint = nearest === undefined ? `There are ${paths.join(', ')}.` : `Did you mean ${nearest}?`
  throw notFound('unknown-path', 'There is no such path.', hint)
}

function isRead({ method }: HttpRequest): boolean {
  return method === 'GET' || method === 'HEAD'
}

function shows(page: (sources: ClusterSources) => unknown): Action {
  return ({ sources }) => ({ status: 200, body: page(sources) })
}

function route(path: string, actions: Route['actions']): Route {
  const pattern = path.replace(/\{\w+…\}/, '(.+)').replace(/\{\w+\}/, '([^/]+)')
  return { path, pattern: new RegExp(`^${pattern}$`, 's'), actions }
}
