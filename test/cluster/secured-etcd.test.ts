// A cluster on an etcd that wants certificates, a user and a password, all through the settings of the brokers; and the way
// out of a cluster: drain, stop, remove.
import { equal, match, ok, rejects } from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { NodeHttpClient } from '../../packages/broker/src/host/node/node-http-client.ts'
import { Authority } from '../certificates/authority.ts'
import { CertificateFolder } from '../certificates/certificate-folder.ts'
import { BrokerProcess, temporaryDirectory } from '../system/broker-process.ts'
import { polylog } from '../system/command.ts'
import { until } from '../system/wait.ts'
import { findEtcd, startEtcd } from '../world/etcd.ts'
import type { EtcdCluster } from '../world/etcd.ts'

const user = 'polylog'
const password = 'a secret of polylog'
const timeMs = 10_000
const answerBytesMax = 65_536

/** Everything that etcd and brokers are given. */
class Secrets extends CertificateFolder {
  readonly ca: string
  readonly server: { readonly tlsCertificate: string; readonly tlsKey: string }
  readonly client: { readonly tlsCertificate: string; readonly tlsKey: string }

  constructor() {
    super()
    const authority = new Authority('etcd')
    this.ca = this.put('ca.pem', authority.certificate)
    // Without a common name, which etcd would take for that of a user.
    const subject = [['O', 'polylog']] as const
    this.server = this.identity('server', authority.issue({ subject, hosts: ['127.0.0.1'] }))
    this.client = this.identity('client', authority.issue({ subject }))
  }

  /** Flags of a broker with these secrets. */
  flags(brokerId: number, metadata: string, passwordFile: string): string[] {
    const settings = {
      'metadata.user': user,
      'metadata.password.file': passwordFile,
      'metadata.tls.ca.file': this.ca,
      'metadata.tls.certificate.file': this.client.tlsCertificate,
      'metadata.tls.key.file': this.client.tlsKey,
      'default.replication.factor': '2',
      'offsets.topic.num.partitions': '1',
    }
    const set = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`])
    return ['--broker-id', String(brokerId), '--metadata', metadata, ...set]
  }
}

/** Two users: root, whom etcd wants to exist, and one who may do everything under our prefix. */
async function switchOnUsers(url: string, { ca, client }: Secrets): Promise<void> {
  const http = new NodeHttpClient({ tls: { ca, cert: client.tlsCertificate, key: client.tlsKey } })
  const post = async (path: string, message: object): Promise<void> => {
    const body = JSON.stringify(message)
    const times = { connectTimeoutMs: timeMs, timeoutMs: timeMs }
    const answer = await http.request({ method: 'POST', url: url + path, headers: {}, body, ...times }, answerBytesMax)
    equal(answer.status, 200, `${path}: ${answer.body.toString()}`)
  }
  for (const name of ['root', user]) {
    await post('/v3/auth/user/add', { name, password })
    await post('/v3/auth/role/add', { name })
    await post('/v3/auth/user/grant', { user: name, role: name })
  }
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  const perm = { permType: 'READWRITE', key: base64('/polylog/'), range_end: base64('/polylog0') }
  await post('/v3/auth/role/grant', { name: user, perm })
  await post('/v3/auth/enable', {})
  http.close()
}

const why = findEtcd().length > 0 ? undefined : 'there is no etcd on the PATH (Debian: apt-get install etcd-server)'
if (why !== undefined) console.error(`\nNOT TESTED: a cluster on a secured etcd: ${why}\n`)

describe('brokers on an etcd with TLS, a user and a password', { skip: why ?? false }, () => {
  const brokers: BrokerProcess[] = []
  let secrets: Secrets
  let etcd: EtcdCluster
  let passwordFile: string

  const started = async (brokerId: number): Promise<BrokerProcess> => {
    const broker = await BrokerProcess.start({ flags: secrets.flags(brokerId, etcd.address, passwordFile) })
    brokers.push(broker)
    return broker
  }
  const cluster = (...words: string[]) => polylog(['cluster', ...words, '--http', brokers[0]!.http])

  before(async () => {
    secrets = new Secrets()
    passwordFile = secrets.put('password', `${password}\n`)
    const { ca, server } = secrets
    const tls = { ca, cert: server.tlsCertificate, key: server.tlsKey, clientCertificates: true }
    etcd = await startEtcd({ tls })
    await until('etcd has users', async () => {
      await switchOnUsers(etcd.endpoints[0]!, secrets)
      return true
    })
  })
  after(async () => {
    await Promise.all(brokers.map((broker) => broker[Symbol.asyncDispose]()))
    await etcd.stop()
    secrets[Symbol.dispose]()
  })

  it('end with a sentence when the password is wrong', async () => {
    const directory = temporaryDirectory()
    const flags = secrets.flags(1, etcd.address, secrets.put('wrong', 'another\n'))
    const { code, stderr } = await polylog(['start', '--data', directory, '--kafka', '127.0.0.1:0', ...flags])
    rmSync(directory, { recursive: true })
    equal(code, 1)
    match(stderr, /etcd does not know user "polylog" with this password/)
    ok(!stderr.includes('another'), 'the password is not shown')
  })

  it('are a cluster, and one of them can be drained, stopped and removed', async () => {
    for (const id of [1, 2, 3]) await started(id)
    const [first, , third] = brokers as [BrokerProcess, BrokerProcess, BrokerProcess]
    const made = await polylog(['topic', 'create', 'orders', '--partitions', '6', '--broker', first.address])
    equal(made.code, 0, made.stderr)
    equal((await polylog(['produce', 'orders', '--broker', third.address], 'one\ntwo\n')).code, 0)

    const early = await cluster('remove', '3', '--yes')
    equal(early.code, 1)
    match(early.stderr, /Broker 3 is up: stop it first/)
    const drained = await cluster('drain', '3', '--wait')
    equal(drained.code, 0, drained.stderr)
    equal(await third.terminate(), 0)
    const removed = await cluster('remove', '3', '--yes')
    equal(removed.code, 0, removed.stderr)
    match((await cluster('remove', '3', '--yes')).stderr, /There is no broker 3/)

    // Another machine may take its id; then the directory of the one that went does not fit in any more.
    const other = await started(3)
    await rejects(
      third.restart(),
      /broker id 3 is in use by the broker at 127\.0\.0\.1:\d+ with another data directory/,
    )
    equal(await other.terminate(), 0)
    await rejects(third.restart(), /broker id 3 belongs to another data directory/)
  })
})
