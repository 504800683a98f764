import type { Address } from './address.ts'
import { ClientError } from './client-error.ts'

/** Kafka's port when an address names none. */
const defaultPort = 9092

/**
 * Reads `host:port`, `host` or `[IPv6]:port`, or several of them with commas between.
 * @throws ClientError 'invalid'
 */
export function parseAddresses(text: string): Address[] {
  return text.split(',').map((part) => {
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+))(?::(\d{1,5}))?$/.exec(part.trim())
    const port = match?.[3] === undefined ? defaultPort : Number(match[3])
    if (match === null || port === 0 || port > 65535) {
      throw new ClientError('invalid', `"${part.trim()}" is not an address of a broker; write HOST:PORT`)
    }
    return { host: match[1] ?? match[2]!, port }
  })
}
