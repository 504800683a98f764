import type { TlsCredentials } from './tls.ts'

/** A file, and the setting that names it, for messages. */
export interface NamedFile {
  readonly setting: string
  readonly path: string
}

/** Files in PEM. A certificate and its key go together. */
export interface CertificateNames {
  readonly certificate?: NamedFile
  readonly key?: NamedFile
  readonly authorities?: NamedFile
}

/** What becomes of certificates while the broker runs. */
export type CertificateNews =
  | { readonly kind: 'renewed' | 'expiring'; readonly expiresMs: number }
  /** The files have changed to something that cannot be used, so that what there was stays in use. */
  | { readonly kind: 'unusable'; readonly reason: string }

/** Certificates in files, which may be renewed at any time. The real one is node/certificate-files.ts. */
export interface Certificates {
  /** What the files say, or said when they last could be used. Cheap: called for each connection. */
  credentials(): TlsCredentials
  /** Reads the files now, whether they seem to have changed or not. */
  reload(): void
  /** When the own certificate ends, in ms since 1970; undefined without one. */
  readonly expiresMs: number | undefined
}

/** @throws BrokerError 'invalid-config' in one sentence, if the files cannot be used */
export type OpenCertificates = (
  files: CertificateNames,
  tell: (news: CertificateNews) => void,
) => Promise<Certificates> | Certificates
