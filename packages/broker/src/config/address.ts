/** Host and port; the same shape as `Address` of host/network.ts, which this layer may not import. */
export interface HostPort {
  host: string
  port: number
}

/** Longest host name DNS allows (RFC 1035 §2.3.4). */
const hostCharactersMax = 253

/**
 * Reads `HOST:PORT`, `[IPv6]:PORT` or `:PORT` (all interfaces).
 * @returns undefined if the text is none of these, or the port is not within 0..65535
 */
export function parseAddress(text: string): HostPort | undefined {
  const match = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:[\]]*)):(\d{1,5})$/.exec(text.trim())
  if (!match) return undefined
  const host = match[1] ?? match[2]!
  const port = Number(match[3])
  if (port > 65535 || host.length > hostCharactersMax) return undefined
  return { host: host === '' ? '0.0.0.0' : host, port }
}

/** Writes an address so that `parseAddress` reads it again. */
export function formatAddress(address: HostPort): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`
}
