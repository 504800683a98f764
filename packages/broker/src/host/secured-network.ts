import type { Address, Connection, Listener, Network } from './network.ts'
import type { TlsDialOptions, TlsListenOptions } from './tls.ts'

/** A network whose connections are all under TLS, or plain where an option is undefined: who uses it need not know. */
export class SecuredNetwork implements Network {
  readonly #network: Network
  readonly #listening: TlsListenOptions | undefined
  readonly #dialling: TlsDialOptions | undefined

  constructor(network: Network, listening: TlsListenOptions | undefined, dialling: TlsDialOptions | undefined) {
    this.#network = network
    this.#listening = listening
    this.#dialling = dialling
  }

  listen(address: Address, accepted: (connection: Connection) => void): Promise<Listener> {
    return this.#network.listen(address, accepted, this.#listening)
  }

  connect(address: Address, timeoutMs: number): Promise<Connection> {
    return this.#network.connect(address, timeoutMs, this.#dialling)
  }
}
