import { errorOf } from '@polylog/wire'
import { formatAddress } from './address.ts'
import type { Address } from './address.ts'

export type ClientErrorCode =
  /** Nothing listens there, the name does not resolve, or the connection broke. */
  | 'unreachable'
  /** Something answers, but it does not speak the Kafka protocol. */
  | 'not-kafka'
  /** TLS on one side only, or a certificate that is not to be trusted; the message says which. */
  | 'tls-failed'
  /** The broker does not take the user, the password or the mechanism. */
  | 'authentication-failed'
  | 'timed-out'
  /** The broker lacks an API or every version of it that this client speaks. */
  | 'unsupported'
  /** The broker answered with an error; `kafkaCode` and `errorName` say which. */
  | 'refused'
  /** Bytes from the broker that cannot be right: a wrong CRC, an impossible length. */
  | 'corrupt'
  /** The caller asked for something that cannot be done. */
  | 'invalid'
  /** Options that are unknown, of a wrong type, or contradict each other. */
  | 'invalid-options'
  /** A value that its topic's schema does not accept. */
  | 'invalid-value'
  /** More is waiting to be sent than may wait; there is room again later. */
  | 'buffer-full'
  /** The message is no longer this consumer's: its lock ran out or its session was lost. */
  | 'lock-lost'
  /** The handler that was asked answered with an error. */
  | 'request-failed'
  /** The caller's AbortSignal said so. */
  | 'aborted'
  | 'closed'

export interface ClientErrorOptions extends ErrorOptions {
  kafkaCode?: number
  retriable?: boolean
  address?: Address | string | undefined
}

/** Every failure of the client. `message` is a sentence for people that names the address, topic or group at fault. */
export class ClientError extends Error {
  readonly code: ClientErrorCode
  /** Kafka's error code when the broker gave one, else 0. */
  readonly kafkaCode: number
  /** Kafka's name of that code (`UNKNOWN_TOPIC_OR_PARTITION`), else empty. */
  readonly errorName: string
  /** Whether the same call may succeed later. */
  readonly retriable: boolean
  /** `host:port` of the broker that it is about, where there is one. */
  readonly address: string | undefined

  constructor(code: ClientErrorCode, message: string, options: ClientErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ClientError'
    this.code = code
    this.kafkaCode = options.kafkaCode ?? 0
    this.errorName = this.kafkaCode === 0 ? '' : (errorOf(this.kafkaCode)?.name ?? `error ${this.kafkaCode}`)
    this.retriable = options.retriable ?? (code === 'unreachable' || code === 'timed-out' || code === 'buffer-full')
    const { address } = options
    this.address = typeof address === 'object' ? formatAddress(address) : address
  }
}

/**
 * The error for a code that the broker answered.
 * @param what what was tried, as the start of a sentence: `cannot create topic "orders"`
 * @param detail the broker's own message, if it gave one
 */
export function refusal(code: number, what: string, detail?: string | null, address?: Address): ClientError {
  const known = errorOf(code)
  const name = known?.name ?? `error ${code}`
  const reason = detail !== undefined && detail !== null && detail !== '' ? detail : (known?.message ?? 'unknown error')
  const options = { kafkaCode: code, retriable: known?.retriable ?? false, address }
  return new ClientError('refused', `${what}: ${reason} (${name})`, options)
}

/** Throws `refusal` unless the code is 0. */
export function expectSuccess(code: number, what: string, detail?: string | null): void {
  if (code !== 0) throw refusal(code, what, detail)
}
