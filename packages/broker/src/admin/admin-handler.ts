import { nearestOf } from '../config/nearest.ts'
import type { MetricsRegistry } from '../telemetry/metrics.ts'
import { prometheusContentType, prometheusText } from '../telemetry/prometheus.ts'
import type { HttpHandler, HttpRequest, HttpResponse } from '../host/http.ts'
import { answerApi, apiPrefix } from './cluster-api.ts'
import type { ClusterSources } from './cluster-sources.ts'
import type { GuardFacts } from './request-guard.ts'
import { checkLogin } from './login-gate.ts'
import type { LoginFacts } from './login-gate.ts'
import { ApiError, answerTo } from './api-error.ts'
import { errorResponse, jsonResponse, textResponse } from './responses.ts'

/** What the admin pages show, asked for at each request. */
export interface AdminSources {
  version: string
  metrics: MetricsRegistry
  /** Address of the Kafka port, `host:port`. */
  kafka(): string
  dataDirectory: string
  /** Why the broker cannot serve clients now; undefined when it can. Starting and stopping are such reasons. */
  findUnreadiness(): string | undefined
  /** Why a restart is the only cure (the journal failed); undefined while the process is sound. */
  findDeath(): string | undefined
  /** The cluster; undefined until the broker has found it. */
  cluster(): ClusterSources | undefined
  readonly guard: GuardFacts
  /** Who must log in: nobody ('open'), everybody but those who look at health and metrics, or not known before the start. */
  login?: () => LoginFacts | 'open' | 'starting'
}

type Page = (sources: AdminSources) => HttpResponse

const pages: Readonly<Record<string, Page>> = {
  '/': welcome,
  '/metrics': (sources) => textResponse(200, prometheusText(sources.metrics), prometheusContentType),
  '/health/live': (sources) => health(sources.findDeath()),
  '/health/ready': (sources) => health(sources.findDeath() ?? sources.findUnreadiness()),
}

/**
 * The HTTP port: metrics, health, a page that says what this is, and the API of the cluster (docs/http-api.md). All of it
 * can be read by anyone who reaches it; who may change something is the matter of request-guard.ts.
 */
export function adminHandler(sources: AdminSources): HttpHandler {
  return async (request) => {
    const login = sources.login?.() ?? 'open'
    if (login === 'open') return answerAny(sources, request)
    const isMonitoring = request.path === '/metrics' || request.path.startsWith('/health/')
    try {
      if (login === 'starting') {
        if (isMonitoring) return answerAny(sources, request)
        throw new ApiError(503, 'starting', 'The broker does not know its users yet.', 'Try again in a moment.')
      }
      if (isMonitoring && login.isMonitoringOpen) return answerAny(sources, request)
      await checkLogin(request, login)
    } catch (error) {
      return answerTo(error)
    }
    if (login.everybody !== undefined) return answerAny(sources, request)
    // Who has logged in is nobody from anywhere any more.
    return answerAny({ ...sources, guard: { ...sources.guard, isEnabled: true } }, request)
  }
}

function answerAny(sources: AdminSources, request: HttpRequest): HttpResponse | Promise<HttpResponse> {
  if (request.path.startsWith(apiPrefix)) return answerApi(request, sources.cluster(), sources.guard)
  return answer(sources, request)
}

function answer(sources: AdminSources, request: HttpRequest): HttpResponse {
  const page = Object.hasOwn(pages, request.path) ? pages[request.path] : undefined
  if (page === undefined) {
    const nearest = nearestOf(request.path, Object.keys(pages))
    const hint = nearest === undefined ? `There are ${Object.keys(pages).join(', ')}.` : `Did you mean ${nearest}?`
    return errorResponse(404, 'unknown-path', 'There is no such page.', hint)
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    const message = `${request.path} can only be read (GET).`
    return errorResponse(405, 'method-not-allowed', message, undefined, { allow: 'GET, HEAD' })
  }
  const response = page(sources)
  return request.method === 'HEAD' ? { ...response, body: '' } : response
}

/** 200 and `{"status":"ok"}`, or 503 with the reason: what an orchestrator looks at is the status code. */
function health(fault: string | undefined): HttpResponse {
  return fault === undefined
    ? jsonResponse(200, { status: 'ok' })
    : jsonResponse(503, { status: 'failing', reason: fault })
}

function welcome(sources: AdminSources): HttpResponse {
  const state = sources.findDeath() ?? sources.findUnreadiness() ?? 'ready'
  return textResponse(
    200,
    `Polylog ${sources.version}, a message broker for Kafka clients.

State           ${state}
Kafka clients   ${sources.kafka()}
Data            ${sources.dataDirectory}

/metrics        Prometheus metrics
/health/live    200 while the process is sound, else 503
/health/ready   200 while clients are served, else 503
/api/cluster    brokers, partitions and the controller; docs/http-api.md lists the rest
`,
  )
}
