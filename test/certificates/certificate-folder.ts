import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Issued } from './authority.ts'

/** A folder of certificates that goes with the test. */
export class CertificateFolder implements Disposable {
  readonly #path = mkdtempSync(join(tmpdir(), 'polylog-tls-'))

  /** Writes a file, or another in its place; nobody ever sees half of it. */
  put(name: string, pem: string): string {
    const path = join(this.#path, name)
    writeFileSync(`${path}.new`, pem, { mode: 0o600 })
    renameSync(`${path}.new`, path)
    return path
  }

  /** Writes a certificate and its key; returns the settings that name them. */
  identity(name: string, { certificate, key }: Issued): { tlsCertificate: string; tlsKey: string } {
    return { tlsCertificate: this.put(`${name}.pem`, certificate), tlsKey: this.put(`${name}.key`, key) }
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { recursive: true, force: true })
  }
}
