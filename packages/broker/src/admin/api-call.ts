import type { HttpRequest } from '../host/http.ts'
import type { ClusterSources } from './cluster-sources.ts'

/** What an action is given: the cluster, the request, and the part of the path that names something. */
export interface ApiCall {
  readonly sources: ClusterSources
  readonly request: HttpRequest
  readonly name: string
}

export interface ApiAnswer {
  readonly status: number
  readonly body: unknown
}

export type Action = (call: ApiCall) => ApiAnswer | Promise<ApiAnswer>
