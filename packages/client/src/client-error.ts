import { errorOf } from '@polylog/wire'

export type ClientErrorKind =
  /** Nothing listens there, the name does not resolve, or the connection broke. */
  | 'unreachable'
  /** Something answers, but it does not speak the Kafka protocol. */
  | 'not-kafka'
  | 'timed-out'
  /** The broker lacks an API or every version of it that this client speaks. */
  | 'unsupported'
  /** The broker answered with an error; `code` and `errorName` say which. */
  | 'refused'
  /** Bytes from the broker that cannot be right: a wrong CRC, an impossible length. */
  | 'corrupt'
  /** The caller asked for something that cannot be done. */
  | 'invalid'
  | 'closed'

/** Every failure of the client. `message` is a sentence for people that names the address, topic or group at fault. */
export class ClientError extends Error {
  readonly kind: ClientErrorKind
  /** Kafka's error code when the broker gave one, else 0. */
  readonly code: number
  /** Kafka's name of that code (`UNKNOWN_TOPIC_OR_PARTITION`), else empty. */
  readonly errorName: string
  /** Whether the same call may succeed later. */
  readonly retriable: boolean

  constructor(
    kind: ClientErrorKind,
    message: string,
    options: ErrorOptions & { code?: number; retriable?: boolean } = {},
  ) {
    super(message, options)
    this.name = 'ClientError'
    this.kind = kind
    this.code = options.code ?? 0
    this.errorName = this.code === 0 ? '' : (errorOf(this.code)?.name ?? `error ${this.code}`)
    this.retriable = options.retriable ?? (kind === 'unreachable' || kind === 'timed-out')
  }
}

/**
 * The error for a code that the broker answered.
 * @param what what was tried, as the start of a sentence: `cannot create topic "orders"`
 * @param detail the broker's own message, if it gave one
 */
export function refusal(code: number, what: string, detail?: string | null): ClientError {
  const known = errorOf(code)
  const name = known?.name ?? `error ${code}`
  const reason = detail !== undefined && detail !== null && detail !== '' ? detail : (known?.message ?? 'unknown error')
  return new ClientError('refused', `${what}: ${reason} (${name})`, { code, retriable: known?.retriable ?? false })
}

/** Throws `refusal` unless the code is 0. */
export function expectSuccess(code: number, what: string, detail?: string | null): void {
  if (code !== 0) throw refusal(code, what, detail)
}
