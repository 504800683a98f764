import { BrokerError } from '../errors/errors.ts'
import type { ErrorCode } from '../errors/errors.ts'
import type { HttpResponse } from '../host/http.ts'
import { errorResponse } from './responses.ts'

/** What is wrong with a request itself, before the broker is asked anything. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly hint: string | undefined
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, hint?: string, headers: Record<string, string> = {}) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
    this.hint = hint
    this.headers = headers
  }
}

export function badRequest(message: string, hint?: string): ApiError {
  return new ApiError(400, 'invalid-request', message, hint)
}

export function notFound(code: string, message: string, hint?: string): ApiError {
  return new ApiError(404, code, message, hint)
}

/** Failures of the broker as HTTP says them: 4xx is the caller's to mend, 5xx may pass by itself. */
const statuses = {
  'unknown-topic': 404,
  'unknown-topic-id': 404,
  'inconsistent-topic-id': 409,
  'topic-exists': 409,
  'invalid-topic-name': 400,
  'invalid-partition-count': 400,
  'invalid-replication-factor': 400,
  'invalid-replica-assignment': 400,
  'invalid-config': 400,
  'policy-violation': 403,
  'not-leader': 503,
  'leader-not-available': 503,
  'fenced-leader-epoch': 409,
  'unknown-leader-epoch': 409,
  'not-enough-replicas': 503,
  'not-controller': 503,
  'broker-unreachable': 503,
  'authentication-failed': 403,
  'unsupported-mechanism': 400,
  'unacceptable-credential': 400,
  'credential-not-found': 404,
  'duplicate-resource': 400,
  'topic-not-authorized': 403,
  'group-not-authorized': 403,
  'cluster-not-authorized': 403,
  'transactional-id-not-authorized': 403,
  'security-disabled': 409,
  'election-not-needed': 409,
  'preferred-leader-not-available': 409,
  'eligible-leader-not-available': 409,
  'no-reassignment': 409,
  'corrupt-batch': 400,
  'invalid-record': 400,
  'message-too-large': 413,
  'unsupported-format': 400,
  'unsupported-compression': 400,
  'invalid-timestamp': 400,
  'offset-out-of-range': 400,
  'offset-not-available': 503,
  'invalid-required-acks': 400,
  'out-of-order-sequence': 409,
  'invalid-producer-epoch': 409,
  'duplicate-sequence': 409,
  'unknown-producer': 409,
  'coordinator-loading': 503,
  'coordinator-not-available': 503,
  'not-coordinator': 503,
  'invalid-group-id': 400,
  'group-not-found': 404,
  'group-not-empty': 409,
  'group-subscribed': 409,
  'group-full': 409,
  'unknown-member': 404,
  'member-id-required': 400,
  'fenced-member-epoch': 409,
  'fenced-instance-id': 409,
  'illegal-generation': 409,
  'inconsistent-protocol': 409,
  'invalid-session-timeout': 400,
  'rebalance-in-progress': 409,
  'offset-metadata-too-large': 413,
  'invalid-record-state': 409,
  'fenced-state-epoch': 409,
  'invalid-request': 400,
  'unsupported-version': 400,
  'timed-out': 503,
  storage: 503,
  stopping: 503,
  'limit-exceeded': 409,
} as const satisfies Record<ErrorCode, number>

const hints: Partial<Record<ErrorCode, string>> = {
  'not-controller': 'This broker is joining or cut off from the metadata store: ask another one, or try again soon.',
  'timed-out': 'Try again.',
  stopping: 'Ask another broker.',
}

/** The answer to a request that failed. @throws what is no expected failure */
export function answerTo(error: unknown): HttpResponse {
  if (error instanceof ApiError) {
    return errorResponse(error.status, error.code, error.message, error.hint, error.headers)
  }
  if (error instanceof BrokerError) {
    return errorResponse(statuses[error.code], error.code, error.message, hints[error.code])
  }
  throw error
}
