import { apis } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import type { Host } from '../../host/host.ts'
import { NetworkError } from '../../host/network.ts'
import type { LiveBroker } from '../../image/records.ts'
import { brokerMechanism, nonceBytes, ProofOffer } from './broker-proof.ts'
import type { BrokerPrincipal } from './broker-proof.ts'
import { PeerConnection, unreachable } from './peer-connection.ts'

/** No answer of the exchange comes near: who has not proved anything shall not make this broker hold more. */
const answerBytesMax = 64 * 1024
const handshakeVersion = 1
const authenticateVersion = 2

export interface DialParts {
  readonly host: Host
  readonly secret: string
  readonly connectTimeoutMs: number
  /** Memory for received bytes that all connections share. */
  readonly shared: Buffer
}

/**
 * Connects to another broker; each side proves to the other that it is a broker of the cluster.
 * @throws BrokerError 'broker-unreachable', with the NetworkError of a dial as its cause; 'authentication-failed'
 */
export async function dialPeer(target: LiveBroker, self: BrokerPrincipal, parts: DialParts): Promise<PeerConnection> {
  const { host, connectTimeoutMs, shared } = parts
  const socket = await host.network.connect(target, connectTimeoutMs).catch((error: unknown) => {
    if (!(error instanceof NetworkError)) throw error
    const detail = `${nameOf(target)}: ${error.message}`
    if (error.kind === 'tls') throw new BrokerError('authentication-failed', detail, { cause: error })
    throw unreachable(detail, error)
  })
  const connection = new PeerConnection(socket, host.clock, `broker-${self.brokerId}`, shared)
  try {
    await authenticate(connection, target, self, parts)
    return connection
  } catch (error) {
    connection.close(error instanceof BrokerError ? error : unreachable(String(error)))
    throw error
  }
}

async function authenticate(
  connection: PeerConnection,
  target: LiveBroker,
  { brokerId, brokerEpoch }: BrokerPrincipal,
  { host, secret, connectTimeoutMs }: DialParts,
): Promise<void> {
  const limits = { timeoutMs: connectTimeoutMs, answerBytesMax }
  const begun = connection.call(apis[17], handshakeVersion, { mechanism: brokerMechanism }, limits)
  const handshake = await begun.catch((error: Error) => {
    // A listener under TLS says nothing to those who speak none, and hangs up.
    throw unreachable(`${nameOf(target)}: ${error.message}; is TLS on at one end only (peer.tls.enable)?`)
  })
  if (handshake.errorCode !== 0) {
    throw new BrokerError('authentication-failed', `Broker ${target.id} does not offer ${brokerMechanism}.`)
  }
  const claim = { brokerId, brokerEpoch, targetId: target.id }
  const offer = new ProofOffer(secret, claim, host.random.bytes(nonceBytes))
  const say = async (authBytes: Uint8Array): Promise<Uint8Array> => {
    const answer = await connection.call(apis[36], authenticateVersion, { authBytes }, limits)
    if (answer.errorCode === 0) return answer.authBytes
    throw new BrokerError('authentication-failed', answer.errorMessage ?? undefined)
  }
  offer.verify(await say(offer.prove(await say(offer.hello))))
}

function nameOf({ id, host, port }: LiveBroker): string {
  return `broker ${id} at ${host}:${port}`
}
