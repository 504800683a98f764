import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { Authority } from '../../../../../test/certificates/authority.ts'
import { BrokerError } from '../../errors/errors.ts'
import type { CertificateNames, CertificateNews } from '../certificates.ts'
import { CertificateFiles } from './certificate-files.ts'

const authority = new Authority('ours')
const dayMs = 86_400_000

describe('certificate files', () => {
  const directory = mkdtempSync(join(tmpdir(), 'polylog-certificates-'))
  after(() => rmSync(directory, { recursive: true }))

  let fileCount = 0
  function put(text: string, path = join(directory, `${fileCount++}.pem`)): string {
    // As renewals should do it: nobody ever sees half a file.
    writeFileSync(`${path}.new`, text)
    renameSync(`${path}.new`, path)
    return path
  }

  function names(certificate: string, key: string, authorities?: string): CertificateNames {
    return {
      certificate: { setting: 'tls.certificate', path: certificate },
      key: { setting: 'tls.key', path: key },
      ...(authorities !== undefined && { authorities: { setting: 'tls.ca', path: authorities } }),
    }
  }

  it('says in one sentence what is wrong with a file, and which', () => {
    const { certificate, key } = authority.issue()
    const good = put(certificate)
    const goodKey = put(key)
    const otherKey = put(authority.issue().key)
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const encrypted = put(
      privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' }),
    )
    const empty = put('')
    const broken = put(certificate.replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA'))
    for (const [files, pattern] of [
      [names(join(directory, 'none'), goodKey), /^tls\.certificate .*none: there is no such file$/],
      [names(good, join(directory, 'none')), /^tls\.key .*none: there is no such file$/],
      [names(good, goodKey, join(directory, 'none')), /^tls\.ca .*none: there is no such file$/],
      [names(directory, goodKey), /^tls\.certificate .*: it is a folder$/],
      [names(good, otherKey), /^tls\.key .*: it is not the key of the certificate in .*\.pem$/],
      [names(goodKey, goodKey), /^tls\.certificate .*: it holds something else than a certificate$/],
      [names(good, good), /^tls\.key .*: it holds no private key in PEM form$/],
      [names(good, encrypted), /^tls\.key .*: the key is encrypted; give one without a passphrase$/],
      [names(empty, goodKey), /^tls\.certificate .*: it holds no certificate in PEM form$/],
      [names(broken, goodKey), /^tls\.certificate .*: its certificate cannot be read/],
      [names(good, goodKey, empty), /^tls\.ca .*: it holds no certificate in PEM form$/],
    ] as const) {
      assert.throws(
        () => new CertificateFiles(files, () => assert.fail('nothing was to be told')),
        (error) => {
          assert.ok(error instanceof BrokerError && error.code === 'invalid-config', String(error))
          assert.match(error.message, pattern)
          assert.doesNotMatch(error.message, /PRIVATE KEY/)
          return true
        },
      )
    }
  })

  it('takes what the files are renewed to, and keeps what it has while they make no sense', async () => {
    const first = authority.issue()
    const second = authority.issue()
    const certificate = put(first.certificate)
    const key = put(first.key)
    const news: CertificateNews[] = []
    const files = new CertificateFiles(names(certificate, key), (each) => news.push(each))
    assert.equal(files.credentials().certificate, first.certificate)
    assert.equal(files.credentials(), files.credentials())
    put(second.certificate, certificate)
    // Looked at once a second at most; the key of before does not fit any more.
    while (!news.some(({ kind }) => kind === 'unusable')) {
      assert.equal(files.credentials().certificate, first.certificate)
      await new Promise((resolve) => setImmediate(resolve))
    }
    put(second.key, key)
    while (!news.some(({ kind }) => kind === 'renewed')) {
      files.credentials()
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.deepEqual(files.credentials(), second)
    const told = news.map((each) => (each.kind === 'unusable' ? each.reason : each.kind))
    assert.match(told.join(), /not the key of [^,]*,renewed$/)
  })

  it('follows links, and reads anew when told to', () => {
    const first = authority.issue()
    const second = authority.issue()
    const link = join(directory, 'link.pem')
    const keyLink = join(directory, 'link.key')
    symlinkSync(put(first.certificate), link)
    symlinkSync(put(first.key), keyLink)
    const news: CertificateNews[] = []
    const files = new CertificateFiles(names(link, keyLink), (each) => news.push(each))
    for (const [path, text] of [
      [link, second.certificate],
      [keyLink, second.key],
    ] as const) {
      symlinkSync(put(text), `${path}.new`)
      renameSync(`${path}.new`, path)
    }
    files.reload()
    assert.deepEqual(
      news.map(({ kind }) => kind),
      ['renewed'],
    )
    assert.equal(files.credentials().certificate, second.certificate)
  })

  it('warns of a certificate that ends soon, and of no other', () => {
    for (const [days, kinds] of [
      [-1, ['expiring']],
      [13, ['expiring']],
      [15, []],
    ] as const) {
      const validTo = new Date(Date.now() + days * dayMs)
      const issued = authority.issue({ validFrom: new Date(Date.now() - 2 * dayMs), validTo })
      const news: CertificateNews[] = []
      const files = new CertificateFiles(names(put(issued.certificate), put(issued.key)), (each) => news.push(each))
      assert.deepEqual(
        news.map(({ kind }) => kind),
        kinds,
      )
      assert.ok(Math.abs(files.expiresMs! - validTo.getTime()) < 1000)
    }
  })
})
