import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { bitString, boolean, integer, objectId, octets, sequence, set, time, utf8, value } from './der.ts'

/** A certificate and its key, both as PEM. */
export interface Issued {
  readonly certificate: string
  readonly key: string
}

export interface IssueOptions {
  /** Name in the certificate. Default: one `CN`. */
  readonly subject?: readonly (readonly [attribute: 'C' | 'O' | 'OU' | 'CN', text: string])[]
  /** Hosts it is for: names and addresses. */
  readonly hosts?: readonly string[]
  readonly validFrom?: Date
  readonly validTo?: Date
}

const attributes = { C: '2.5.4.6', O: '2.5.4.10', OU: '2.5.4.11', CN: '2.5.4.3' } as const
const ecdsaWithSha256 = sequence(objectId('1.2.840.10045.4.3.2'))
const hourMs = 3_600_000

/**
 * A certificate authority for tests, made anew for each run: no keys in the repository, no openssl needed.
 *
 * ```ts
 * const authority = new Authority('tests')
 * const { certificate, key } = authority.issue({ hosts: ['localhost', '127.0.0.1'] })
 * ```
 */
export class Authority {
  /** Its own certificate, as PEM: what those must have who shall trust it. */
  readonly certificate: string
  readonly #name: Buffer
  readonly #key: KeyObject

  constructor(name: string) {
    const { publicKey, privateKey } = makeKeys()
    this.#name = nameOf([['CN', name]])
    this.#key = privateKey
    // Basic constraints: an authority. Key usage: signs certificates and revocations.
    const basic = extension('2.5.29.19', sequence(boolean(true)), true)
    const usage = extension('2.5.29.15', value(0x03, Buffer.of(1, 0b0000_0110)), true)
    this.certificate = this.#sign(this.#name, publicKey, [basic, usage], {})
  }

  issue(options: IssueOptions = {}): Issued {
    const { publicKey, privateKey } = makeKeys()
    const { hosts = [], subject = [['CN', hosts[0] ?? 'test']] } = options
    const names = hosts.map((host) =>
      isIP(host) === 4 ? value(0x87, addressOf(host)) : value(0x82, Buffer.from(host)),
    )
    const extensions = [extension('2.5.29.19', sequence(), true)]
    if (names.length > 0) extensions.push(extension('2.5.29.17', sequence(...names), false))
    return {
      certificate: this.#sign(nameOf(subject), publicKey, extensions, options),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    }
  }

  /** RFC 5280 §4.1. */
  #sign(subject: Buffer, publicKey: KeyObject, extensions: readonly Buffer[], options: IssueOptions): string {
    const { validFrom = new Date(Date.now() - hourMs), validTo = new Date(Date.now() + 30 * 24 * hourMs) } = options
    const toBeSigned = sequence(
      value(0xa0, integer(Buffer.of(2))),
      integer(Buffer.concat([Buffer.of(1), randomBytes(8)])),
      ecdsaWithSha256,
      this.#name,
      sequence(time(validFrom), time(validTo)),
      subject,
      publicKey.export({ type: 'spki', format: 'der' }),
      value(0xa3, sequence(...extensions)),
    )
    const signed = sequence(toBeSigned, ecdsaWithSha256, bitString(sign('sha256', toBeSigned, this.#key)))
    const lines = signed.toString('base64').match(/.{1,64}/g)!
    return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
  }
}

function makeKeys(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function nameOf(parts: NonNullable<IssueOptions['subject']>): Buffer {
  return sequence(...parts.map(([attribute, text]) => set(sequence(objectId(attributes[attribute]), utf8(text)))))
}

function extension(id: string, content: Buffer, isCritical: boolean): Buffer {
  return sequence(objectId(id), ...(isCritical ? [boolean(true)] : []), octets(content))
}

function addressOf(host: string): Buffer {
  return Buffer.from(host.split('.').map(Number))
}
