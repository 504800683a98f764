/** Chapter 13 of the founding series: who may come in, and what they may do there. */
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { connect, ClientError } from '@polylog/client'
import type { Client, Credentials } from '@polylog/client'
import { Cluster, createAcls, createTopic, setPassword } from '@polylog/client/admin'
import { passwordAuthenticator, startBroker } from '../../packages/broker/src/mod.ts'
import type { Broker } from '../../packages/broker/src/mod.ts'
import { Authority } from '../certificates/authority.ts'
import { CertificateFolder } from '../certificates/certificate-folder.ts'
import { requirement } from './requirement.ts'
import { queueSettings, takeDone, textOf } from './world/queues.ts'

const root: Credentials = { user: 'root', password: 'the password of root' }
const ann: Credentials = { user: 'ann', password: 'the password of ann' }

function isRefusal(name: string): (error: unknown) => boolean {
  return (error) => error instanceof ClientError && error.errorName === name
}

async function makeRights(broker: Broker): Promise<void> {
  await using cluster = new Cluster({ brokers: `127.0.0.1:${broker.kafka.port}`, credentials: root })
  await setPassword(cluster, ann as { user: string; password: string })
  for (const name of ['orders', 'salaries']) await createTopic(cluster, { name, partitionCount: 1 })
  const allow = { patternType: 'literal', principal: 'User:ann', host: '*', permission: 'allow' } as const
  await createAcls(cluster, [
    { ...allow, resourceType: 'topic', resourceName: 'orders', operation: 'read' },
    { ...allow, resourceType: 'topic', resourceName: 'orders', operation: 'write' },
    { ...allow, resourceType: 'topic', resourceName: 'salaries', operation: 'describe' },
    { ...allow, resourceType: 'group', resourceName: 'billing', operation: 'read' },
    { ...allow, resourceType: 'group', resourceName: 'billing', operation: 'alter-configs' },
    { ...allow, resourceType: 'group', resourceName: 'billing', operation: 'describe-configs' },
  ])
}

async function showRights(brokers: string): Promise<void> {
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    await using client = await connect({ brokers, credentials: { ...ann, mechanism } })
    await client.producer().send('orders', mechanism)
  }
  for (const credentials of [
    { ...ann, password: 'wrong' },
    { ...root, user: 'nobody' },
  ]) {
    await rejects(connect({ brokers, credentials }), { code: 'authentication-failed' })
  }
  await rejects(connect({ brokers, requestTimeoutMs: 3000 }), { name: 'ClientError' })
  await using client: Client = await connect({ brokers, credentials: ann })
  const queue = await client.consumer('billing').topic('orders').open()
  const received = await takeDone(queue, 3)
  deepEqual(received.map(textOf), ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])
  await rejects(client.producer().send('salaries', 'more'), isRefusal('TOPIC_AUTHORIZATION_FAILED'))
  const foreign = client.consumer('payroll').topic('orders').open()
  await rejects(foreign, isRefusal('GROUP_AUTHORIZATION_FAILED'))
}

// Fails if somebody comes in with wrong credentials or none, if a mechanism or TLS does not work, if a right that is missing
// is not missed at a later call, or if an embedder's own judge is not asked.
requirement('C13', async () => {
  using folder = new CertificateFolder()
  const passwordFile = folder.put('password', `${root.password}\n`)
  await using broker = await startBroker({
    ...queueSettings,
    saslMechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-512', 'PLAIN'],
    authorizerKind: 'acl',
    superUsers: 'User:root',
    bootstrapUser: root.user,
    bootstrapPasswordFile: passwordFile,
  })
  await makeRights(broker)
  await showRights(`127.0.0.1:${broker.kafka.port}`)

  const authority = new Authority('tests')
  const asked: string[] = []
  const forbidden = new Set<string>()
  await using embedded = await startBroker({
    ...queueSettings,
    ...folder.identity('broker', authority.issue({ hosts: ['127.0.0.1'] })),
    authenticator: passwordAuthenticator((name, password) => asked.push(name) > 0 && password === 'by our directory'),
    authorizer: {
      isAllowed: ({ name }, _host, _operation, resource) => name === 'bob' && !forbidden.has(resource.name),
      isAllowedSomewhere: () => true,
    },
  })
  const brokers = `127.0.0.1:${embedded.kafka.port}`
  const credentials = { user: 'bob', password: 'by our directory', mechanism: 'PLAIN' } as const
  const tls = { ca: authority.certificate }
  await using client = await connect({ brokers, credentials, tls })
  await client.producer().send('jobs', 'over TLS')
  await client.producer().send('secret', 'as long as it may')
  forbidden.add('secret')
  await rejects(client.producer().send('secret', 'no'), isRefusal('TOPIC_AUTHORIZATION_FAILED'))
  await rejects(connect({ brokers, credentials: { ...credentials, password: 'guessed' }, tls }), {
    code: 'authentication-failed',
  })
  await rejects(connect({ brokers, credentials, tls: true }), { code: 'tls-failed' })
  equal(new Set(asked).size, 1)
})
