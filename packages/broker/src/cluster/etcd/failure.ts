import type { MetadataErrorKind } from '../metadata-error.ts'
import { isObject } from './json.ts'

/**
 * What follows from a failed attempt.
 * - `final`: etcd has said no; every member would.
 * - `elsewhere`: this member surely did nothing; another may serve.
 * - `authenticate`: the token is no longer good; nothing was done.
 * - `unread`: it was carried out, but the answer is of no use.
 * - `unknown`: nobody knows whether it was done.
 */
export type FailureStep = 'final' | 'elsewhere' | 'authenticate' | 'unread' | 'unknown'

/** One attempt that failed. */
export class EtcdFailure extends Error {
  readonly step: FailureStep
  readonly kind: MetadataErrorKind

  constructor(step: FailureStep, kind: MetadataErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EtcdFailure'
    this.step = step
    this.kind = kind
  }
}

/** Messages of etcd 3.4 to 3.6 (api/v3rpc/rpctypes/error.go), which have stayed the same while codes have not. */
const meanings: readonly (readonly [part: string, step: FailureStep, kind: MetadataErrorKind])[] = [
  ['required revision has been compacted', 'final', 'compacted'],
  ['required revision is a future revision', 'final', 'future-revision'],
  ['requested lease not found', 'final', 'lease-not-found'],
  ['database space exceeded', 'final', 'full'],
  ['request is too large', 'final', 'too-large'],
  ['received message larger than max', 'final', 'too-large'],
  // Refused before it is proposed to the members; one behind which less has piled up may take it.
  ['too many requests', 'elsewhere', 'overloaded'],
  // Only said before a request is looked at, because every request carries `hasleader`.
  ['no leader', 'elsewhere', 'unavailable'],
  ['rpc not supported for learner', 'elsewhere', 'unavailable'],
  ['invalid auth token', 'authenticate', 'unavailable'],
  ['revision of auth store is old', 'authenticate', 'unavailable'],
  ['invalid user ID or password', 'final', 'invalid'],
  ['authentication is not enabled', 'final', 'invalid'],
  ['user name is empty', 'final', 'unavailable'],
  ['permission denied', 'final', 'unavailable'],
  ['corrupt cluster', 'final', 'corrupt'],
]

/** Why etcd refused: from the status and the body of its answer. */
export function failureOf(status: number, body: string): EtcdFailure {
  const message = messageIn(body) ?? `HTTP ${status}`
  for (const [part, step, kind] of meanings) if (message.includes(part)) return new EtcdFailure(step, kind, message)
  // 404 without a message of etcd's: no gateway, which `--enable-grpc-gateway=false` does.
  if (status === 404) return new EtcdFailure('elsewhere', 'unavailable', 'there is no JSON gateway at this address')
  if (status === 400) return new EtcdFailure('final', 'invalid', message)
  return new EtcdFailure('unknown', 'unavailable', message)
}

/** The text of an error object: `message`, or `error` in old versions, which may hold an object in a stream. */
export function messageOf(error: unknown): string {
  if (typeof error === 'string') return error
  if (!isObject(error)) return 'unknown error'
  if (typeof error['message'] === 'string') return error['message'].slice(0, 500)
  return messageOf(error['error'])
}

function messageIn(body: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body)
    return isObject(parsed) ? messageOf(parsed) : undefined
  } catch (error) {
    // Proxies and old paths answer in plain text; the status says enough.
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
