import type { Api, Message } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import type { LiveBroker } from '../../image/records.ts'
import { dialPeer } from './dial-peer.ts'
import type { DialParts } from './dial-peer.ts'
import { unreachable } from './peer-connection.ts'
import type { PeerConnection } from './peer-connection.ts'

/** Connections to one broker, for as many calls at a time; more wait for one of them. */
const connectionsMax = 4
const timeoutMs = 10_000
const answerBytesMax = 64 * 1024 * 1024

export interface PeerCallsOptions extends DialParts {
  /** Of this broker. */
  readonly brokerId: number
  /** Who is up, this broker with its present epoch among them. */
  readonly brokers: ReadonlyMap<number, LiveBroker>
}

/** The connections to one registration of a broker: when it comes back, it is another one. */
interface Target {
  readonly broker: LiveBroker
  /** Broker epoch of this broker, which the connections have proved. */
  readonly selfEpoch: number
  readonly idle: PeerConnection[]
  openCount: number
  readonly waiting: (() => void)[]
}

/** Single requests to other brokers, over connections that are kept. */
export class PeerCalls {
  readonly #options: PeerCallsOptions
  readonly #targets = new Map<number, Target>()
  #isClosed = false

  constructor(options: PeerCallsOptions) {
    this.#options = options
  }

  /** @throws BrokerError 'broker-unreachable', 'authentication-failed', 'stopping'; it is not known then what was done */
  async call<RequestOutput, RequestInput, ResponseOutput, ResponseInput>(
    broker: LiveBroker,
    api: Api<Message<RequestOutput, RequestInput>, Message<ResponseOutput, ResponseInput>>,
    version: number,
    request: NoInfer<RequestInput>,
  ): Promise<ResponseOutput> {
    const target = this.#targetOf(broker)
    while (target.idle.length === 0 && target.openCount >= connectionsMax) {
      await new Promise<void>((resolve) => target.waiting.push(resolve))
    }
    const connection = await this.#take(target)
    try {
      return await connection.call(api, version, request, { timeoutMs, answerBytesMax })
    } finally {
      this.#giveBack(target, connection)
    }
  }

  close(): void {
    this.#isClosed = true
    for (const target of this.#targets.values()) retire(target)
    this.#targets.clear()
  }

  #targetOf(broker: LiveBroker): Target {
    if (this.#isClosed) throw new BrokerError('stopping')
    const { brokers, brokerId } = this.#options
    const selfEpoch = brokers.get(brokerId)?.epoch
    if (selfEpoch === undefined) throw unreachable('this broker is not registered')
    const known = this.#targets.get(broker.id)
    if (known?.broker.epoch === broker.epoch && known.selfEpoch === selfEpoch) return known
    if (known !== undefined) retire(known)
    const target: Target = { broker, selfEpoch, idle: [], openCount: 0, waiting: [] }
    this.#targets.set(broker.id, target)
    return target
  }

  async #take(target: Target): Promise<PeerConnection> {
    for (let idle = target.idle.pop(); idle !== undefined; idle = target.idle.pop()) {
      if (!idle.isClosed) return idle
      target.openCount--
    }
    target.openCount++
    try {
      const self = { brokerId: this.#options.brokerId, brokerEpoch: target.selfEpoch }
      return await dialPeer(target.broker, self, this.#options)
    } catch (error) {
      this.#release(target)
      throw error
    }
  }

  #giveBack(target: Target, connection: PeerConnection): void {
    if (connection.isClosed || this.#targets.get(target.broker.id) !== target) {
      connection.close(new BrokerError('stopping', 'the connection is not needed any more'))
      this.#release(target)
      return
    }
    target.idle.push(connection)
    target.waiting.shift()?.()
  }

  #release(target: Target): void {
    target.openCount--
    target.waiting.shift()?.()
  }
}

function retire(target: Target): void {
  const reason = new BrokerError('stopping', 'the connection is not needed any more')
  for (const connection of target.idle.splice(0)) {
    connection.close(reason)
    target.openCount--
  }
  for (const wake of target.waiting.splice(0)) wake()
}
