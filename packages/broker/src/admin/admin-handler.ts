import { nearestOf } from '../config/nearest.ts'
import type { MetricsRegistry } from '../telemetry/metrics.ts'
import { prometheusContentType, prometheusText } from '../telemetry/prometheus.ts'
import type { HttpHandler, HttpRequest, HttpResponse } from '../host/http.ts'
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
}

type Page = (sources: AdminSources) => HttpResponse

const pages: Readonly<Record<string, Page>> = {
  '/': welcome,
  '/metrics': (sources) => textResponse(200, prometheusText(sources.metrics), prometheusContentType),
  '/health/live': (sources) => health(sources.findDeath()),
  '/health/ready': (sources) => health(sources.findDeath() ?? sources.findUnreadiness()),
}

/** The HTTP port: metrics, health and a page that says what this is. All of it can be read by anyone who reaches it. */
export function adminHandler(sources: AdminSources): HttpHandler {
  return (request) => answer(sources, request)
}

function answer(sources: AdminSources, request: HttpRequest): HttpResponse {
  const page = Object.hasOwn(pages, request.path) ? pages[request.path] : undefined
  if (page === undefined) {
    const nearest = nearestOf(request.path, Object.keys(pages))
    const hint = nearest === undefined ? `there are ${Object.keys(pages).join(', ')}` : `did you mean ${nearest}?`
    return errorResponse(404, `There is no such page; ${hint}`)
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return errorResponse(405, `${request.path} can only be read (GET).`, { allow: 'GET, HEAD' })
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
`,
  )
}
