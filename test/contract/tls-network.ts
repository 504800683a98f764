import type { Address, Connection, Listener } from '../../packages/broker/src/host/network.ts'
import { NodeNetwork } from '../../packages/broker/src/host/node/node-network.ts'
import type { TlsClientAuthentication, TlsVersion } from '../../packages/broker/src/host/tls.ts'
import { Authority } from '../certificates/authority.ts'

/** The real network, with everything under TLS. */
export class TlsNetwork extends NodeNetwork {
  readonly #clientAuthentication: TlsClientAuthentication
  readonly #versionMin: TlsVersion
  readonly #credentials

  constructor(clientAuthentication: TlsClientAuthentication, versionMin: TlsVersion) {
    super()
    const authority = new Authority('contract')
    this.#credentials = { ...authority.issue({ hosts: ['127.0.0.1'] }), authorities: authority.certificate }
    this.#clientAuthentication = clientAuthentication
    this.#versionMin = versionMin
  }

  override listen(address: Address, accepted: (connection: Connection) => void): Promise<Listener> {
    return super.listen(address, accepted, {
      credentials: () => this.#credentials,
      clientAuthentication: this.#clientAuthentication,
      versionMin: this.#versionMin,
      handshakeTimeoutMs: 10_000,
    })
  }

  override connect(address: Address, timeoutMs: number): Promise<Connection> {
    return super.connect(address, timeoutMs, {
      credentials: () => this.#credentials,
      versionMin: this.#versionMin,
    })
  }
}
