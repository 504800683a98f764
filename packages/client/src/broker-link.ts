import { Reader, apis, decode } from '@polylog/wire'
import type { Api, Message } from '@polylog/wire'
import { formatAddress } from './address.ts'
import type { Address } from './address.ts'
import { ClientError, expectSuccess } from './client-error.ts'
import { Connection } from './connection.ts'
import type { ConnectionOptions } from './connection.ts'
import { systemEnvironment } from './environment.ts'
import { logIn } from './log-in.ts'
import type { Credentials } from './sasl.ts'

/** First and last version of an API that the broker speaks. */
export interface VersionRange {
  min: number
  max: number
}

/**
 * Newest versions this client uses where it is not the newest of the wire package: from these on, topics go by id or the
 * form of a request changes, and nothing is gained.
 */
const versionCaps: Readonly<Record<number, number>> = { 0: 12, 1: 12, 8: 9, 9: 7, 10: 3, 20: 5 }

/** Oldest versions whose form this client writes. */
const versionFloors: Readonly<Record<number, number>> = { 3: 4, 13: 3 }

const unsupportedVersion = 35

/** Part of the time of a login after which the next request renews it. */
const renewalShare = 0.8

export interface LinkOptions extends ConnectionOptions {
  requestTimeoutMs: number
  /** Without them there is no login. */
  credentials?: Credentials | undefined
}

/** A connection together with the versions that were agreed on, logged in if need be. */
export class BrokerLink {
  readonly connection: Connection
  readonly versions: ReadonlyMap<number, VersionRange>
  readonly #options: LinkOptions
  /** Monotonic time at which the login is to be renewed (KIP-368). */
  #renewAtMs = Number.POSITIVE_INFINITY
  #renewal: Promise<void> | undefined

  private constructor(connection: Connection, versions: ReadonlyMap<number, VersionRange>, options: LinkOptions) {
    this.connection = connection
    this.versions = versions
    this.#options = options
  }

  /** Connects, asks which versions the broker speaks, and logs in. @throws ClientError */
  static async open(address: Address, options: LinkOptions): Promise<BrokerLink> {
    const connection = await Connection.open(address, options)
    try {
      const link = new BrokerLink(connection, await askVersions(connection, options.requestTimeoutMs), options)
      await link.#logIn()
      return link
    } catch (error) {
      connection.close()
      throw error
    }
  }

  /** Version to use. @throws ClientError 'unsupported' */
  versionFor(api: Api): number {
    const theirs = this.versions.get(api.key)
    const ours = { min: versionFloors[api.key] ?? api.versions[0], max: versionCaps[api.key] ?? api.versions[1] }
    const version = Math.min(ours.max, theirs?.max ?? -1)
    if (theirs !== undefined && version >= ours.min && version >= theirs.min) return version
    const has = theirs === undefined ? 'does not have it' : `has versions ${theirs.min} to ${theirs.max}`
    const message = `the broker at ${formatAddress(this.connection.address)} cannot serve ${api.name}: it ${has}`
    throw new ClientError('unsupported', message)
  }

  /** Sends a request in the newest common version. @throws ClientError */
  async request<Q, I, R, RI>(
    api: Api<Message<Q, I>, Message<R, RI>>,
    value: NoInfer<I>,
    timeoutMs: number,
  ): Promise<R> {
    const version = this.versionFor(api)
    // Nothing may go between the messages of a login.
    if (this.#renewal !== undefined || this.#now() >= this.#renewAtMs) await this.#renew()
    const reader = await this.connection.exchange(api, version, value, timeoutMs)
    return read(api, version, reader, this.connection.address)
  }

  async #logIn(): Promise<void> {
    const { credentials, requestTimeoutMs: timeoutMs, environment = systemEnvironment } = this.#options
    if (credentials === undefined) return
    const authenticateVersion = this.versions.get(apis[36].key)?.max
    const randomBytes = (size: number): Uint8Array => environment.randomBytes(size)
    const lifetimeMs = await logIn(this.connection, { credentials, randomBytes, timeoutMs, authenticateVersion })
    this.#renewAtMs = lifetimeMs > 0 ? this.#now() + lifetimeMs * renewalShare : Number.POSITIVE_INFINITY
  }

  /** One renewal for all requests that need it. A connection whose login has failed is of no more use. */
  #renew(): Promise<void> {
    this.#renewal ??= this.#logIn()
      .catch((error: unknown) => {
        this.connection.close()
        throw error
      })
      .finally(() => {
        this.#renewal = undefined
      })
    return this.#renewal
  }

  #now(): number {
    return (this.#options.environment ?? systemEnvironment).monotonicMs()
  }
}

function read<Q, I, R, RI>(
  api: Api<Message<Q, I>, Message<R, RI>>,
  version: number,
  reader: Reader,
  address: Address,
): R {
  try {
    return decode(api.response, version, reader)
  } catch (error) {
    const message = `the ${api.name} answer of ${formatAddress(address)} cannot be read`
    throw new ClientError('corrupt', message, { cause: error })
  }
}

/** Version 3 first; a broker that does not know it answers UNSUPPORTED_VERSION in the form of version 0 (KIP-511). */
async function askVersions(connection: Connection, timeoutMs: number): Promise<Map<number, VersionRange>> {
  const api = apis[18]
  const software = { clientSoftwareName: 'polylog', clientSoftwareVersion: '0.1.0' }
  const reader = await connection.exchange(api, 3, software, timeoutMs)
  const code = new Reader(reader.buffer, reader.position).int16()
  let answer
  if (code === unsupportedVersion) {
    answer = read(api, 0, await connection.exchange(api, 0, {}, timeoutMs), connection.address)
  } else answer = read(api, 3, reader, connection.address)
  expectSuccess(answer.errorCode, `${formatAddress(connection.address)} refused ApiVersions`)
  return new Map(
    answer.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, { min: minVersion, max: maxVersion }]),
  )
}
