import { BrokerError } from '../../errors/errors.ts'
import { NetworkError } from '../../host/network.ts'
import type { LiveBroker } from '../../image/records.ts'
import type { PeerSession, Peers } from '../../replica/peers.ts'
import { dialPeer } from './dial-peer.ts'
import type { DialParts } from './dial-peer.ts'
import { PeerCalls } from './peer-calls.ts'
import { KafkaPeerSession } from './kafka-peer-session.ts'
import type { KafkaPeersOptions } from './peer-options.ts'

export type { KafkaPeersOptions } from './peer-options.ts'

const receiveBufferBytes = 64 * 1024

/**
 * The other brokers of the cluster over the Kafka protocol, as any client would reach them (docs/protocols/broker.md).
 *
 * ```ts
 * const peers = new KafkaPeers({ host, brokerId, secret, connectTimeoutMs: 5000, answerGraceMs: 10_000, ... })
 * const session = peers.session(image.brokers.get(2)!)
 * const news = await session.fetch(request)
 * ```
 */
export class KafkaPeers implements Peers {
  readonly #options: KafkaPeersOptions & DialParts

  constructor(options: KafkaPeersOptions) {
    this.#options = { ...options, shared: Buffer.allocUnsafeSlow(receiveBufferBytes) }
  }

  session(broker: LiveBroker): PeerSession {
    return new KafkaPeerSession(broker, this.#options)
  }

  /** Single requests to brokers. @param brokers who is up, this one with its present epoch among them */
  calls(brokers: ReadonlyMap<number, LiveBroker>): PeerCalls {
    return new PeerCalls({ ...this.#options, brokers })
  }

  /**
   * A connection that nothing is sent over; `refused` if nobody listens on the port.
   * @param brokerEpoch of this broker
   * @throws BrokerError 'broker-unreachable', 'authentication-failed'
   */
  async line(broker: LiveBroker, brokerEpoch: number): Promise<Line | 'refused'> {
    try {
      const self = { brokerId: this.#options.brokerId, brokerEpoch }
      const connection = await dialPeer(broker, self, this.#options)
      return {
        onClose: (listener) => connection.onClose(listener),
        close: () => connection.close(new BrokerError('stopping', 'the connection is not needed any more')),
      }
    } catch (error) {
      if (isRefusal(error)) return 'refused'
      throw error
    }
  }
}

interface Line {
  /** Calls `listener` once when the connection is over, whoever ended it. */
  onClose(listener: () => void): void
  close(): void
}

function isRefusal(error: unknown): boolean {
  return error instanceof BrokerError && error.cause instanceof NetworkError && error.cause.kind === 'refused'
}
