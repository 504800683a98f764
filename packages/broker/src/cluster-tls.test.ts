import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Cluster, Fetcher, RecordProducer } from '@polylog/client/admin'
import type { TlsOptions } from '@polylog/client/admin'
import { Authority } from '../../../test/certificates/authority.ts'
import { CertificateFolder } from '../../../test/certificates/certificate-folder.ts'
import { InProcessCluster } from './cluster.fixture.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import type { LogFields } from './telemetry/logger.ts'
import { silentLogger } from './telemetry/logger.ts'

const topic = {
  name: 'orders',
  partitionCount: 1,
  replicationFactor: 3,
  configs: new Map([['min.insync.replicas', '3']]),
}
const authority = new Authority('ours')
const trusting: TlsOptions = { ca: authority.certificate }
const hosts = ['127.0.0.1']

/** What a broker has said. */
class Said {
  readonly #lines: string[] = []

  readonly #note = (event: string, fields: LogFields = {}): void => {
    this.#lines.push(`${event} ${JSON.stringify(fields)}`)
  }

  readonly logger = { ...silentLogger, warn: this.#note, info: this.#note }

  has(pattern: RegExp): boolean {
    return this.#lines.some((line) => pattern.test(line))
  }

  get text(): string {
    return this.#lines.join('\n')
  }
}

function settingsOf(folder: CertificateFolder, given: Partial<BrokerSettings> = {}): Partial<BrokerSettings> {
  return {
    ...folder.identity('broker', authority.issue({ hosts })),
    tlsCa: folder.put('ca.pem', authority.certificate),
    peerTls: true,
    sessionTimeoutMs: 3000,
    ...given,
  }
}

async function produceAndConsume(brokers: string, tls: TlsOptions): Promise<void> {
  await using client = new Cluster({ brokers, tls })
  const producer = new RecordProducer(client)
  const sent = Array.from({ length: 50 }, (_, index) => `record ${index}`)
  for (const value of sent) await producer.send(topic.name, [{ key: 'k', value }])
  const fetcher = new Fetcher(client, { waitMs: 100 })
  fetcher.seek({ topic: topic.name, partition: 0 }, 0)
  const values: string[] = []
  while (values.length < sent.length) {
    for (const { value } of await fetcher.poll()) values.push(Buffer.from(value!).toString())
  }
  assert.deepEqual(values, sent)
}

/** Two brokers that each lead one partition and follow the other. */
class Pair implements AsyncDisposable {
  readonly #folder = new CertificateFolder()
  readonly #said = [new Said(), new Said()] as const
  #cluster: InProcessCluster | undefined

  /** @param change settings of the second that are to be different */
  async start(change: (folder: CertificateFolder) => Partial<BrokerSettings>): Promise<void> {
    const cluster = await InProcessCluster.open(2, settingsOf(this.#folder), (id) => this.#said[id - 1]!.logger)
    this.#cluster = cluster
    await cluster.member(1).start()
    await cluster.member(2).start(change(this.#folder))
    await cluster.until('both know each other', () => cluster.member(1).broker.image.brokers.size === 2)
    const assignments = [
      { partition: 0, brokers: [1, 2] },
      { partition: 1, brokers: [2, 1] },
    ]
    const { topics } = cluster.member(1).broker
    await topics.create({ name: 'pair', partitionCount: -1, replicationFactor: -1, assignments, configs: new Map() })
  }

  async seen(brokerId: 1 | 2, pattern: RegExp): Promise<void> {
    const said = this.#said[brokerId - 1]!
    await this.#cluster!.until(`broker ${brokerId} says ${String(pattern)}`, () => said.has(pattern)).catch(() => {
      assert.match(said.text, pattern)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster?.[Symbol.asyncDispose]()
    this.#folder[Symbol.dispose]()
  }
}

describe('brokers of a cluster under TLS', { concurrency: true }, () => {
  it('replicate to each other and serve clients', async () => {
    using folder = new CertificateFolder()
    await using cluster = await InProcessCluster.open(3, settingsOf(folder))
    await cluster.start()
    await cluster.member(1).broker.topics.create(topic)
    await produceAndConsume(cluster.addresses, trusting)
  })

  it('show their certificates to each other where all must show one', async () => {
    using folder = new CertificateFolder()
    await using cluster = await InProcessCluster.open(3, settingsOf(folder, { tlsClientAuth: 'required' }))
    await cluster.start()
    await cluster.member(1).broker.topics.create(topic)
    await produceAndConsume(cluster.addresses, { ...trusting, ...authority.issue() })
  })

  it('say so when one of them speaks no TLS', async () => {
    await using pair = new Pair()
    await pair.start(() => ({ tlsCertificate: '', tlsKey: '', tlsCa: '', peerTls: false }))
    await pair.seen(1, /a leader cannot be fetched from .*does it speak TLS\?/)
    await pair.seen(1, /kafka client refused by TLS .*is not TLS/)
    await pair.seen(2, /the client speaks TLS, and this broker does not/)
    await pair.seen(2, /a leader cannot be fetched from .*is TLS on at one end only \(peer\.tls\.enable\)\?/)
  })

  it('believe no broker whose certificate is for another address', async () => {
    await using pair = new Pair()
    await pair.start((folder) => folder.identity('other', authority.issue({ hosts: ['broker-2.example'] })))
    await pair.seen(1, /certificate of the other side is for another name .*127\.0\.0\.1/)
  })

  it('believe no broker whose certificate somebody else has signed', async () => {
    await using pair = new Pair()
    await pair.start((folder) => folder.identity('other', new Authority('somebody else').issue({ hosts })))
    await pair.seen(1, /not signed by an authority that is trusted here/)
  })
})
