import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connect } from '@polylog/client'
import {
  ClientError,
  Cluster,
  listUsers,
  removeUser,
  saslMechanisms,
  setPassword,
  systemEnvironment,
} from '@polylog/client/admin'
import type { Credentials } from '@polylog/client/admin'
import { startBroker } from 'polylog'
import type { Broker } from 'polylog'

describe('credentials against a broker', () => {
  let broker: Broker
  const root: Credentials = { user: 'root', password: 'first' }

  const cluster = (credentials?: Credentials): Cluster =>
    new Cluster({ brokers: `127.0.0.1:${broker.kafka.port}`, credentials })

  async function inCluster<T>(credentials: Credentials | undefined, body: (cluster: Cluster) => Promise<T>) {
    await using opened = cluster(credentials)
    return await body(opened)
  }

  const describeIt = (opened: Cluster) => opened.describe([])

  const hourMs = 3_600_000
  /** What the broker logs for those who look closely. */
  const events: string[] = []
  const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
  const directory = mkdtempSync(join(tmpdir(), 'polylog-login-'))

  before(async () => {
    const bootstrapPasswordFile = join(directory, 'password')
    writeFileSync(bootstrapPasswordFile, `${root.password}\n`)
    broker = await startBroker({
      offsetsPartitionCount: 1,
      saslMechanisms: ['SCRAM-SHA-256', 'SCRAM-SHA-512', 'PLAIN'],
      reauthenticationMsMax: hourMs,
      logger: { ...silent, debug: (event) => void events.push(event) },
      bootstrapUser: root.user,
      bootstrapPasswordFile,
    })
  })

  after(async () => {
    await broker.stop()
    rmSync(directory, { recursive: true })
  })

  it('every mechanism lets a user in', async () => {
    for (const mechanism of saslMechanisms) {
      const { brokers } = await inCluster({ ...root, mechanism }, describeIt)
      assert.equal(brokers.length, 1)
    }
  })

  it('a login is renewed on its connection before its time is over', async () => {
    let passedMs = 0
    const environment = { ...systemEnvironment, monotonicMs: () => systemEnvironment.monotonicMs() + passedMs }
    await using opened = new Cluster({ brokers: `127.0.0.1:${broker.kafka.port}`, credentials: root, environment })
    const logins = () => events.filter((event) => event === 'client logged in').length
    await opened.describe([])
    const before = logins()
    await opened.describe([])
    assert.equal(logins(), before)
    passedMs = hourMs * 0.9
    await Promise.all([opened.describe([]), opened.describe([]), opened.describe([])])
    assert.equal(logins(), before + 1)
  })

  it('users are made, listed, changed and removed', async () => {
    await inCluster(root, async (opened) => {
      await setPassword(opened, { user: 'ann', password: 'one' })
      await setPassword(opened, { user: 'bob', password: 'x', mechanisms: ['SCRAM-SHA-512'], iterations: 8192 })
      const both = [
        { mechanism: 'SCRAM-SHA-256', iterations: 4096 },
        { mechanism: 'SCRAM-SHA-512', iterations: 4096 },
      ]
      assert.deepEqual(await listUsers(opened), [
        { name: 'ann', mechanisms: both },
        { name: 'bob', mechanisms: [{ mechanism: 'SCRAM-SHA-512', iterations: 8192 }] },
        { name: 'root', mechanisms: both },
      ])
      await setPassword(opened, { user: 'ann', password: 'two' })
      await inCluster({ user: 'ann', password: 'two' }, describeIt)
      await assert.rejects(inCluster({ user: 'ann', password: 'one' }, describeIt), { code: 'authentication-failed' })
      await removeUser(opened, 'ann')
      await assert.rejects(inCluster({ user: 'ann', password: 'two' }, describeIt), { code: 'authentication-failed' })
      await assert.rejects(removeUser(opened, 'ann'), /there is no such user/)
      await assert.rejects(setPassword(opened, { user: 'ANONYMOUS', password: 'x' }), /have not logged in/)
    })
  })

  it('wrong credentials fail with the address, and without the password', async () => {
    const wrong = inCluster({ user: 'root', password: 'hunter2' }, describeIt)
    await assert.rejects(wrong, (error: unknown) => {
      assert.ok(error instanceof ClientError)
      assert.equal(error.code, 'authentication-failed')
      assert.match(error.message, /127\.0\.0\.1:\d+.*SCRAM-SHA-256, SCRAM-SHA-512, PLAIN/)
      assert.doesNotMatch(error.message, /hunter2/)
      return true
    })
    await assert.rejects(inCluster(undefined, describeIt), /does it want a login/)
    assert.throws(() => cluster({ user: 'ann', password: '' }), { code: 'invalid-options' })
  })

  it('the SDK takes them as an option', async () => {
    const brokers = `127.0.0.1:${broker.kafka.port}`
    await using client = await connect({ brokers, credentials: { ...root, mechanism: 'SCRAM-SHA-512' } })
    await client.check([])
    await assert.rejects(connect({ brokers, credentials: { ...root, password: 'no' } }), {
      code: 'authentication-failed',
    })
  })
})
