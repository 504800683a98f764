/** What TLS is set up with, as PEM. It never changes: a renewal is another object. */
export interface TlsCredentials {
  /** Own certificate, followed by those that lead from it to an authority; goes with `key`. */
  readonly certificate?: string
  readonly key?: string
  /** Who may vouch for the other side, instead of the system's authorities. */
  readonly authorities?: string
}

/** Whether whoever dials has to show a certificate: never, if they have one, always. A wrong one is always refused. */
export type TlsClientAuthentication = 'none' | 'requested' | 'required'

/** Oldest version of TLS that is spoken. */
export type TlsVersion = '1.2' | '1.3'

/** TLS for those who dial here. */
export interface TlsListenOptions {
  /** Asked for each connection, so that a renewal needs no restart; must be cheap. */
  credentials(): TlsCredentials
  /** Anything but `none` needs `authorities`. */
  readonly clientAuthentication: TlsClientAuthentication
  readonly versionMin: TlsVersion
  /** A connection whose handshake takes longer is closed. */
  readonly handshakeTimeoutMs: number
}

/** TLS with the one who is dialled, whose certificate must be for the host that was dialled. */
export interface TlsDialOptions {
  /** Asked for each connection. Its certificate is shown if the other side asks for one. */
  credentials(): TlsCredentials
  readonly versionMin: TlsVersion
}
