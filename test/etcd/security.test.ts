import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parseEtcdAddress } from '../../packages/broker/src/cluster/etcd/etcd-address.ts'
import { MetadataError } from '../../packages/broker/src/cluster/metadata-error.ts'
import { Outcomes, rejects } from '../contract/metadata-store.fixture.ts'
import { describeWithEtcd, startEtcd } from '../world/etcd.ts'
import type { EtcdBinary, EtcdCluster } from '../world/etcd.ts'
import { connectStore } from './store.ts'

/** Makes the certificates; its tests are skipped where there is none. */
const openssl = 'openssl'

const root = { user: 'root', password: 'root-secret' }
const polylog = { user: 'polylog', password: 'polylog-secret' }

async function post(url: string, path: string, body: object, token = ''): Promise<void> {
  const headers: Record<string, string> = token === '' ? {} : { authorization: token }
  const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  assert.equal(response.status, 200, `${path}: ${await response.text()}`)
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** Two users: root, and one who may do everything under the prefix and nothing else. */
async function switchOnUsers(url: string): Promise<void> {
  for (const { user, password } of [root, polylog]) {
    await post(url, '/v3/auth/user/add', { name: user, password })
    await post(url, '/v3/auth/role/add', { name: user })
    await post(url, '/v3/auth/user/grant', { user, role: user })
  }
  const perm = { permType: 'READWRITE', key: base64('/polylog/'), range_end: base64('/polylog0') }
  await post(url, '/v3/auth/role/grant', { name: polylog.user, perm })
  await post(url, '/v3/auth/enable', {})
}

function describeUsers(binary: EtcdBinary): void {
  let etcd: EtcdCluster
  before(async () => {
    etcd = await startEtcd({ binary })
    await switchOnUsers(etcd.endpoints[0]!)
  })
  after(() => etcd.stop())

  test('a user who may work under the prefix can do everything there', async () => {
    const store = await connectStore(etcd.endpoints, { credentials: polylog })
    const lease = await store.grantLease(60_000)
    const { revision } = await store.transaction({ then: [{ kind: 'put', key: 'a', value: '1', lease: lease.id }] })
    const watched = new Outcomes()
    const watch = store.watch('', revision, watched.listener)
    await watched.reached(revision)
    await store.keepAlive(lease.id)
    await store.revokeLease(lease.id)
    await watched.reached(revision + 1)
    watch.cancel()
    await store.close()
  })

  test('tokens that a restarted etcd has forgotten are renewed, also for a watch', async () => {
    const limits = { requestTimeoutMs: 10_000, watchSilenceMs: 2000 }
    const store = await connectStore(etcd.endpoints, { credentials: polylog, limits })
    const { revision } = await store.transaction({ then: [{ kind: 'put', key: 'b', value: '1' }] })
    const watched = new Outcomes()
    const watch = store.watch('b', revision, watched.listener)
    await watched.reached(revision)
    await etcd.kill(0)
    await etcd.restart(0)
    const again = await store.get('b')
    assert.equal(again?.value, '1')
    await watched.reached((await store.transaction({ then: [{ kind: 'put', key: 'b', value: '2' }] })).revision)
    watch.cancel()
    assert.deepEqual(
      watched.all.map(({ kind }) => kind),
      ['changes', 'changes'],
    )
    await store.close()
  })

  test('who is not allowed is told why', async () => {
    const refusal = async (promise: Promise<unknown>): Promise<string> => {
      const error: unknown = await promise.catch((reason: unknown) => reason)
      assert.ok(error instanceof MetadataError, String(error))
      return `${error.kind}: ${error.message}`
    }
    const wrong = { credentials: { user: 'polylog', password: 'wrong' } }
    assert.match(await refusal(connectStore(etcd.endpoints, wrong)), /^invalid: etcd does not know user "polylog"/)
    assert.match(await refusal(connectStore(etcd.endpoints)), /^invalid: etcd wants a user and a password/)
    const elsewhere = { credentials: polylog, prefix: '/other/' }
    assert.match(await refusal(connectStore(etcd.endpoints, elsewhere)), /^unavailable: etcdserver: permission denied/)
  })

  test('a watch that is no longer allowed fails, and says so', async () => {
    const store = await connectStore(etcd.endpoints, { credentials: polylog, limits: { watchSilenceMs: 300 } })
    const watched = new Outcomes()
    store.watch('', 1, watched.listener)
    const login = JSON.stringify({ name: root.user, password: root.password })
    const answer = await fetch(`${etcd.endpoints[0]!}/v3/auth/authenticate`, { method: 'POST', body: login })
    const { token } = (await answer.json()) as { token: string }
    await post(etcd.endpoints[0]!, '/v3/auth/user/revoke', { name: polylog.user, role: polylog.user }, token)
    await watched.ended()
    assert.equal(watched.all.at(-1)?.kind, 'failed')
    await store.close()
  })
}

describeWithEtcd('etcd with users', describeUsers)

function run(directory: string, ...words: string[]): void {
  const { status, stderr, error } = spawnSync(openssl, words, { cwd: directory, encoding: 'utf8' })
  if (status !== 0) throw error ?? new Error(`${openssl} ${words.join(' ')}: ${stderr}`)
}

/** An authority, a certificate for 127.0.0.1 and one for a client, and an authority that nobody knows. */
function makeCertificates(directory: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  for (const name of ['ca', 'stranger']) {
    run(
      directory,
      'req',
      '-x509',
      ...key,
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
    )
  }
  writeFileSync(join(directory, 'extensions'), 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n')
  for (const name of ['server', 'client']) {
    run(directory, 'req', ...key, '-subj', '/O=polylog', '-keyout', `${name}.key`, '-out', `${name}.csr`)
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'extensions']
    run(directory, 'x509', '-req', '-in', `${name}.csr`, ...signing, '-out', `${name}.pem`)
  }
}

function describeTls(binary: EtcdBinary): void {
  const directory = mkdtempSync(join(tmpdir(), 'polylog-tls-'))
  const file = (name: string): string => join(directory, name)
  let etcd: EtcdCluster
  before(async () => {
    makeCertificates(directory)
    const tls = { ca: file('ca.pem'), cert: file('server.pem'), key: file('server.key'), clientCertificates: true }
    etcd = await startEtcd({ binary, tls })
  })
  after(async () => {
    await etcd.stop()
    rmSync(directory, { recursive: true })
  })

  test('requests and watches go through TLS with a certificate of the client', async () => {
    const { endpoints } = parseEtcdAddress(etcd.address)
    const tls = { ca: file('ca.pem'), cert: file('client.pem'), key: file('client.key') }
    const store = await connectStore(endpoints, { tls, limits: { requestTimeoutMs: 20_000 } })
    const { revision } = await store.transaction({ then: [{ kind: 'put', key: 'a', value: '1' }] })
    const watched = new Outcomes()
    const watch = store.watch('', revision, watched.listener)
    await watched.reached(revision)
    watch.cancel()
    await store.close()
  })

  test('without a certificate, or with an authority that is not theirs, nobody is served', async () => {
    const limits = { requestTimeoutMs: 500 }
    await rejects('unavailable', connectStore(etcd.endpoints, { tls: { ca: file('ca.pem') }, limits }))
    const stranger = { ca: file('stranger.pem'), cert: file('client.pem'), key: file('client.key') }
    await rejects('unavailable', connectStore(etcd.endpoints, { tls: stranger, limits }))
  })
}

if (spawnSync(openssl, ['version']).status === 0) describeWithEtcd('etcd with TLS', describeTls)
else describe('etcd with TLS', () => test('certificates', { skip: 'there is no openssl on the PATH' }, () => {}))
