import { parseAddress } from '../config/address.ts'
import { tlsReasonOf } from '@polylog/client/admin'
import type { Credentials, TlsOptions } from '@polylog/client/admin'
import type { CommandContext } from './command.ts'
import { credentialsOf } from './credentials.ts'
import { CommandError, UsageError } from './exit-code.ts'
import { fetchSecurely } from './https-request.ts'
import type { HttpsRequest } from './https-request.ts'
import { tlsOf } from './tls-flags.ts'

const httpDefault = '127.0.0.1:15672'
const answerTimeoutMs = 15_000

/** The HTTP port that the flags, or the environment, name. */
function httpOf({ arguments: given, environment }: CommandContext): string {
  return given.text('http') ?? environment['POLYLOG_HTTP'] ?? httpDefault
}

/** Requests to the admin API of a broker (docs/http-api.md). */
export class AdminSession {
  readonly #address: string
  readonly #credentials: () => Promise<Credentials | undefined>
  readonly #tls: TlsOptions | undefined

  /**
   * @param address `host:port`
   * @param credentials who logs in; asked for when the first request goes out
   * @param tls undefined: plain HTTP
   */
  constructor(
    address: string,
    credentials: () => Promise<Credentials | undefined> = () => Promise.resolve(undefined),
    tls?: TlsOptions,
  ) {
    this.#address = address
    this.#credentials = credentials
    this.#tls = tls
  }

  /** @throws UsageError if what names the port is no address */
  static of(context: CommandContext): AdminSession {
    const address = httpOf(context)
    if (parseAddress(address) === undefined) throw new UsageError(`--http must be HOST:PORT, not "${address}"`)
    return new AdminSession(address, () => credentialsOf(context), tlsOf(context))
  }

  get<T>(path: string): Promise<T> {
    return this.#ask('GET', path)
  }

  put<T>(path: string, body: unknown): Promise<T> {
    return this.#ask('PUT', path, body)
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.#ask('POST', path, body)
  }

  delete<T>(path: string): Promise<T> {
    return this.#ask('DELETE', path)
  }

  /** @throws CommandError with what the broker says, or why it says nothing */
  async #ask<T>(method: string, path: string, body?: unknown): Promise<T> {
    const credentials = await this.#credentials()
    const request = {
      method,
      headers: { 'content-type': 'application/json', ...(credentials && { authorization: basic(credentials) }) },
      redirect: 'error' as const,
      signal: AbortSignal.timeout(answerTimeoutMs),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }
    let status: number
    let text: string
    try {
      const answered = await this.#send(path, request)
      status = answered.status
      text = answered.text
    } catch (error) {
      throw unreachable(this.#address, error)
    }
    const answer = parse(text)
    if (answer === undefined) throw new CommandError(`what answers at ${this.#address} is no Polylog broker`)
    if (status >= 400) throw refused(answer, status)
    return answer as T
  }

  async #send(
    path: string,
    request: HttpsRequest & { readonly redirect: 'error' },
  ): Promise<{ status: number; text: string }> {
    if (this.#tls !== undefined) return fetchSecurely(`https://${this.#address}${path}`, request, this.#tls)
    const response = await fetch(`http://${this.#address}${path}`, request)
    return { status: response.status, text: await response.text() }
  }
}

/** RFC 7617. */
function basic({ user, password }: Credentials): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

/** A piece of a path that names something. */
export function pathName(name: string): string {
  return encodeURIComponent(name)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function refused(answer: unknown, status: number): CommandError {
  const { message, hint } = answer as { message?: unknown; hint?: unknown }
  const said = [message, hint].filter((part) => typeof part === 'string')
  return new CommandError(said.length === 0 ? `the broker answers with HTTP status ${status}` : said.join(' '))
}

function unreachable(address: string, error: unknown): CommandError {
  const isLate = error instanceof DOMException && error.name === 'TimeoutError'
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = (cause as NodeJS.ErrnoException).code
  const reason = isLate
    ? `no answer within ${answerTimeoutMs / 1000} s`
    : code === 'ECONNREFUSED'
      ? 'nobody listens there'
      : cause instanceof Error
        ? (tlsReasonOf(cause) ?? cause.message)
        : String(cause)
  const message = `cannot ask the HTTP port at ${address}: ${reason}; name the HTTP port of a broker with --http HOST:PORT`
  return new CommandError(message, { cause: error })
}
