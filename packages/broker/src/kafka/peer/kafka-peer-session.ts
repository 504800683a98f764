import type { FetchResponse, Infer } from '@polylog/wire'
import { apis, errorCodes } from '@polylog/wire'
import { assert, BrokerError } from '../../errors/errors.ts'
import type { LiveBroker } from '../../image/records.ts'
import type { PeerAnswer, PeerFetchRequest, PeerSession } from '../../replica/peers.ts'
import { errorCodeOf } from '../error-codes.ts'
import { dialPeer } from './dial-peer.ts'
import type { DialParts } from './dial-peer.ts'
import { decodeFetched, encodeFetch } from './fetch-messages.ts'
import type { SessionPlace } from './fetch-messages.ts'
import type { PeerConnection } from './peer-connection.ts'
import type { KafkaPeersOptions } from './peer-options.ts'

type Response = Infer<typeof FetchResponse>

/** The version that tells the leader which high watermark the follower knows (KIP-1166). */
const fetchVersion = 18
const epochMax = 2147483647
/** What an answer has besides records: well above 100,000 partitions. */
const overheadBytesMax = 16 * 1024 * 1024

const noSession: SessionPlace = { id: 0, epoch: 0 }
/** The leader has forgotten the session, which is no fault of the connection. */
const lostSession: readonly number[] = [
  errorCodes.FETCH_SESSION_ID_NOT_FOUND.code,
  errorCodes.INVALID_FETCH_SESSION_EPOCH.code,
  errorCodes.FETCH_SESSION_TOPIC_ID_ERROR.code,
]

/** One follower's conversation with one leader, over a connection and a fetch session that are made when needed. */
export class KafkaPeerSession implements PeerSession {
  readonly #broker: LiveBroker
  readonly #options: KafkaPeersOptions & DialParts
  #connection: PeerConnection | undefined
  /** Broker epoch of this broker that the connection has proved. */
  #provedEpoch = -1
  #place = noSession
  #isBusy = false
  #isNudged = false
  #isClosed = false
  #interrupt: ((reason: BrokerError) => void) | undefined

  constructor(broker: LiveBroker, options: KafkaPeersOptions & DialParts) {
    this.#broker = broker
    this.#options = options
  }

  async fetch(request: PeerFetchRequest): Promise<PeerAnswer> {
    assert(!this.#isBusy, 'a session has one request at a time')
    this.#isBusy = true
    this.#isNudged = false
    try {
      return await this.#fetch(request)
    } catch (error) {
      this.#drop(error instanceof BrokerError ? error : new BrokerError('broker-unreachable', String(error)))
      throw error
    } finally {
      this.#isBusy = false
    }
  }

  nudge(): void {
    if (!this.#isBusy || this.#isNudged) return
    this.#isNudged = true
    this.#connection?.nudge()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const reason = new BrokerError('stopping', 'the session was closed')
    this.#interrupt?.(reason)
    this.#drop(reason)
  }

  async #fetch(request: PeerFetchRequest): Promise<PeerAnswer> {
    const connection = await this.#connect(request.replicaEpoch)
    let response = await this.#call(connection, request)
    if (lostSession.includes(response.errorCode)) {
      this.#place = noSession
      response = await this.#call(connection, request)
    }
    if (response.errorCode !== 0) throw refusalOf(response.errorCode, this.#broker.id)
    this.#move(response.sessionId)
    const partitions = decodeFetched(response)
    this.#options.metrics.replicationReceived(partitions.reduce((bytes, { records }) => bytes + records.length, 0))
    return { partitions, memory: connection.takeMemory() }
  }

  #call(connection: PeerConnection, request: PeerFetchRequest): Promise<Response> {
    const { answerGraceMs, batchBytesMax } = this.#options
    const answer = connection.call(apis[1], fetchVersion, encodeFetch(request, this.#place), {
      timeoutMs: request.waitMsMax + answerGraceMs,
      answerBytesMax: request.bytesMax + batchBytesMax + overheadBytesMax,
      pool: this.#options.pool,
    })
    // While the connection was made, say.
    if (this.#isNudged) connection.nudge()
    return answer
  }

  /** Notes the place of the next request. A leader that has no room for a session answers with id 0. */
  #move(sessionId: number): void {
    const { epoch } = this.#place
    this.#place = sessionId === 0 ? noSession : { id: sessionId, epoch: epoch === epochMax ? 1 : epoch + 1 }
  }

  /** The connection there is, if it still proves the present epoch; else a new one, on which no session is known. */
  async #connect(replicaEpoch: number): Promise<PeerConnection> {
    if (this.#isClosed) throw new BrokerError('stopping', 'the session was closed')
    const present = this.#connection
    if (present !== undefined && !present.isClosed && this.#provedEpoch === replicaEpoch) return present
    this.#drop(new BrokerError('broker-unreachable', 'the connection is made anew'))
    const self = { brokerId: this.#options.brokerId, brokerEpoch: replicaEpoch }
    const dialled = dialPeer(this.#broker, self, this.#options)
    const interrupted = new Promise<never>((_resolve, reject) => {
      this.#interrupt = reject
    })
    try {
      this.#connection = await Promise.race([dialled, interrupted])
    } catch (error) {
      // Nobody waits for a connection that comes after all.
      const late = new BrokerError('stopping', 'the session was closed')
      dialled.then(
        (connection) => connection.close(late),
        () => undefined,
      )
      throw error
    } finally {
      this.#interrupt = undefined
    }
    this.#provedEpoch = replicaEpoch
    return this.#connection
  }

  #drop(reason: BrokerError): void {
    this.#connection?.close(reason)
    this.#connection = undefined
    this.#place = noSession
  }
}

function refusalOf(errorCode: number, brokerId: number): BrokerError {
  const isUnproved = errorCode === errorCodes.CLUSTER_AUTHORIZATION_FAILED.code
  const code = isUnproved ? 'authentication-failed' : (errorCodeOf(errorCode) ?? 'storage')
  return new BrokerError(code, `Broker ${brokerId} refuses to be fetched from (Kafka error ${errorCode}).`)
}
