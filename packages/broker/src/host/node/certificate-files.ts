import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { BrokerError } from '../../errors/errors.ts'
import type { CertificateNames, CertificateNews, Certificates, NamedFile } from '../certificates.ts'
import type { TlsCredentials } from '../tls.ts'
import { secureContextOf } from './node-tls.ts'

/** How often the files are looked at while connections come, at most. */
const lookIntervalMs = 1000
/** No bundle of authorities comes near. */
const fileBytesMax = 4 * 1024 * 1024
/** A certificate that ends sooner deserves a warning. */
const expiryWarningMs = 14 * 86_400_000

interface Loaded {
  readonly credentials: TlsCredentials
  readonly expiresMs: number | undefined
}

/** Certificates in files of this machine. A renewal is noticed when the next connection comes. */
export class CertificateFiles implements Certificates {
  readonly #files: CertificateNames
  readonly #tell: (news: CertificateNews) => void
  #loaded: Loaded
  /** What the files looked like when they were last read. */
  #seen: string
  #lookedMs: number

  /** @throws BrokerError 'invalid-config' */
  constructor(files: CertificateNames, tell: (news: CertificateNews) => void) {
    this.#files = files
    this.#tell = tell
    this.#seen = this.#look()
    this.#lookedMs = performance.now()
    this.#loaded = load(files)
    this.#warnOfExpiry()
  }

  get expiresMs(): number | undefined {
    return this.#loaded.expiresMs
  }

  credentials(): TlsCredentials {
    const nowMs = performance.now()
    if (nowMs - this.#lookedMs >= lookIntervalMs) {
      this.#lookedMs = nowMs
      const seen = this.#look()
      if (seen !== this.#seen) this.#read(seen)
    }
    return this.#loaded.credentials
  }

  reload(): void {
    this.#read(this.#look())
  }

  #read(seen: string): void {
    // Also if it fails: what is wrong with the files is told once, not once a second.
    this.#seen = seen
    try {
      this.#loaded = load(this.#files)
    } catch (error) {
      this.#tell({ kind: 'unusable', reason: error instanceof Error ? error.message : String(error) })
      return
    }
    this.#tell({ kind: 'renewed', expiresMs: this.#loaded.expiresMs ?? Number.POSITIVE_INFINITY })
    this.#warnOfExpiry()
  }

  #warnOfExpiry(): void {
    const { expiresMs } = this.#loaded
    if (expiresMs !== undefined && expiresMs - Date.now() < expiryWarningMs) this.#tell({ kind: 'expiring', expiresMs })
  }

  /** Of what stands behind links, too: Kubernetes renews a certificate by pointing a link elsewhere. */
  #look(): string {
    const { certificate, key, authorities } = this.#files
    return [certificate, key, authorities].map((file) => (file === undefined ? '' : signOf(file.path))).join(' ')
  }
}

function signOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat === undefined ? 'none' : `${stat.ino}:${stat.size}:${stat.mtimeMs}`
}

function load(files: CertificateNames): Loaded {
  const certificate = files.certificate && read(files.certificate)
  const key = files.key && read(files.key)
  const authorities = files.authorities && read(files.authorities)
  if (files.authorities !== undefined) parseCertificate(files.authorities, authorities!)
  let expiresMs: number | undefined
  if (files.certificate !== undefined && files.key !== undefined) {
    const parsed = parseCertificate(files.certificate, certificate!)
    if (!parsed.checkPrivateKey(parseKey(files.key, key!))) {
      throw fault(files.key, `it is not the key of the certificate in ${files.certificate.path}`)
    }
    expiresMs = Date.parse(parsed.validTo)
  }
  const credentials = {
    ...(certificate !== undefined && { certificate }),
    ...(key !== undefined && { key }),
    ...(authorities !== undefined && { authorities }),
  }
  try {
    secureContextOf(credentials, '1.2')
  } catch (error) {
    throw fault(files.certificate ?? files.authorities!, `TLS cannot use it: ${textOf(error)}`, error)
  }
  return { credentials, expiresMs }
}

function read(file: NamedFile): string {
  try {
    if (statSync(file.path).size > fileBytesMax) throw fault(file, 'it is too large for certificates')
    return readFileSync(file.path, 'latin1')
  } catch (error) {
    if (error instanceof BrokerError) throw error
    const code = (error as NodeJS.ErrnoException).code ?? ''
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: 'there is no such file',
      EACCES: 'this user may not read it',
      EISDIR: 'it is a folder',
    }
    throw fault(file, reasons[code] ?? textOf(error), error)
  }
}

function parseCertificate(file: NamedFile, pem: string): X509Certificate {
  // A key in the place of a certificate is the likeliest mistake.
  if (!pem.includes('-----BEGIN ')) throw fault(file, 'it holds no certificate in PEM form')
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw fault(file, 'it holds something else than a certificate')
  try {
    return new X509Certificate(pem)
  } catch (error) {
    throw fault(file, `its certificate cannot be read (${textOf(error)})`, error)
  }
}

function parseKey(file: NamedFile, pem: string): KeyObject {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) throw fault(file, 'it holds no private key in PEM form')
  if (pem.includes('ENCRYPTED')) throw fault(file, 'the key is encrypted; give one without a passphrase')
  try {
    return createPrivateKey(pem)
  } catch (error) {
    throw fault(file, `its key cannot be read (${textOf(error)})`, error)
  }
}

function fault({ setting, path }: NamedFile, what: string, cause?: unknown): BrokerError {
  return new BrokerError('invalid-config', `${setting} ${path}: ${what}`, { cause })
}

/** OpenSSL's own messages begin with numbers; the reason is what people can read. */
function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message
}
