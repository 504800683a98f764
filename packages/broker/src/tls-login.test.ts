import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Cluster, createTopic } from '@polylog/client/admin'
import type { ClusterOptions } from '@polylog/client/admin'
import { Authority } from '../../../test/certificates/authority.ts'
import { CertificateFolder } from '../../../test/certificates/certificate-folder.ts'
import { startBroker } from './mod.ts'
import type { Broker } from './mod.ts'

describe('a login under TLS with certificates of clients', () => {
  const authority = new Authority('ours')
  const folder = new CertificateFolder()
  let broker: Broker
  before(async () => {
    broker = await startBroker({
      ...folder.identity('broker', authority.issue({ hosts: ['127.0.0.1'] })),
      tlsCa: folder.put('ca.pem', authority.certificate),
      tlsClientAuth: 'required',
      saslMechanisms: ['SCRAM-SHA-256'],
      bootstrapUser: 'root',
      bootstrapPasswordFile: folder.put('password', 'secret'),
      authenticationFailureDelayMs: 0,
      authorizerKind: 'acl',
      superUsers: 'User:CN=root',
      offsetsPartitionCount: 1,
    })
  })
  after(async () => {
    await broker.stop()
    folder[Symbol.dispose]()
  })

  function optionsOf(commonName: string): ClusterOptions {
    const issued = authority.issue({ subject: [['CN', commonName]] })
    return { brokers: `127.0.0.1:${broker.kafka.port}`, tls: { ca: authority.certificate, ...issued } }
  }

  it('is asked for whatever the certificate says', async () => {
    await using client = new Cluster(optionsOf('root'))
    await assert.rejects(createTopic(client, { name: 'orders' }), /want a login/)
  })

  it('says who the client is, in the place of the certificate', async () => {
    const credentials = { user: 'root', password: 'secret' }
    await using root = new Cluster({ ...optionsOf('somebody'), credentials })
    await createTopic(root, { name: 'orders' })
    await using wrong = new Cluster({ ...optionsOf('root'), credentials: { ...credentials, password: 'guess' } })
    await assert.rejects(wrong.describe(), { code: 'authentication-failed' })
  })
})
