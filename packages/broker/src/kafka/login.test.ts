import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { apis } from '@polylog/wire'
import { ScramClient } from '../auth/testing/scram-client.ts'
import { credential } from '../auth/testing/user-world.ts'
import { UserAuthenticator, userMechanisms } from '../auth/user-authenticator.ts'
import { createNodeHost } from '../host/node/node-host.ts'
import type { ScramMechanism } from '../image/user.ts'
import type { KafkaConfig } from './kafka-config.ts'
import { proveBroker } from './testing/prove-broker.ts'
import { TestBroker, testSecret, until } from './testing/test-broker.ts'
import type { TestClient } from './testing/test-client.ts'

/** Long enough for a pool thread on a busy machine, and for none of these tests to wait for it. */
const patience = { unauthenticatedTimeoutMs: 60_000, authenticationFailureDelayMs: 1 }

let broker: TestBroker | undefined

async function startBroker(given: Partial<KafkaConfig> = {}, mechanisms: readonly string[] = userMechanisms) {
  const host = createNodeHost()
  const listen = { host: '127.0.0.1', port: 0 }
  broker = await TestBroker.start({ ...patience, ...given }, host, listen, ({ image }) => ({
    authenticator: new UserAuthenticator({ image, random: host.random, mechanisms, decoySecret: testSecret }),
  }))
  await broker.users.alter([credential('alice', 'wonder'), credential('alice', 'wonder', 'SCRAM-SHA-512')])
  await broker.users.alter([credential('bob', 'builder')])
  return broker
}

const handshake = (client: TestClient, mechanism: string, version = 1) => client.call(apis[17], version, { mechanism })
const say = (client: TestClient, text: string | Buffer, version = 2) =>
  client.call(apis[36], version, { authBytes: Buffer.from(text) })

/** Logs in with PLAIN; returns the answer. */
async function plain(client: TestClient, name: string, password: string, version = 2) {
  assert.equal((await handshake(client, 'PLAIN')).errorCode, 0)
  return await say(client, `\0${name}\0${password}`, version)
}

async function scram(client: TestClient, mechanism: ScramMechanism, name: string, password: string) {
  assert.equal((await handshake(client, mechanism)).errorCode, 0)
  const login = new ScramClient(mechanism, name, password)
  const challenge = await say(client, login.first)
  assert.equal(challenge.errorCode, 0)
  const last = await say(client, login.final(challenge.authBytes))
  if (last.errorCode === 0) assert.ok(login.isServerProved(last.authBytes))
  return last
}

/** A client that has logged in, at the first attempt unless the machine stood still. */
async function loggedIn(): Promise<TestClient> {
  for (let attempt = 1; ; attempt++) {
    const client = await broker!.connect()
    try {
      assert.equal((await plain(client, 'alice', 'wonder')).errorCode, 0)
      return client
    } catch (error) {
      if (attempt === 5) throw error
    }
  }
}

const metadata = (client: TestClient) => client.call(apis[3], 9, { topics: [] })

/** A token as it goes over the wire after SaslHandshake 0. */
function bare(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes])
}

describe('login', () => {
  afterEach(async () => {
    await broker?.stop()
    assert.deepEqual(broker?.errors() ?? [], [])
  })

  for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    test(`${mechanism} lets a user in, who is served then`, async () => {
      const client = await (await startBroker()).connect()
      assert.deepEqual(await scram(client, mechanism, 'alice', 'wonder').then(({ errorCode }) => errorCode), 0)
      assert.equal((await metadata(client)).brokers.length, 1)
    })
  }

  test('PLAIN lets a user in, in all versions', async () => {
    await startBroker()
    for (const version of [0, 1, 2]) {
      const client = await broker!.connect()
      const answer = await plain(client, 'alice', 'wonder', version)
      assert.deepEqual([answer.errorCode, answer.authBytes.length], [0, 0])
      await metadata(client)
    }
  })

  test('SaslHandshake 0 is followed by bare tokens, and those by requests', async () => {
    const client = await (await startBroker()).connect()
    assert.equal((await handshake(client, 'PLAIN', 0)).errorCode, 0)
    client.send(bare('\0alice\0wonder'))
    // The answer is a frame of no bytes, which a client that expects a correlation id would choke on.
    await until(() => client.bareAnswers.length === 1)
    assert.equal(client.bareAnswers[0]!.length, 0)
    assert.equal((await metadata(client)).brokers.length, 1)
  })

  test('a bare token that is wrong ends the connection', async () => {
    const client = await (await startBroker()).connect()
    await handshake(client, 'PLAIN', 0)
    client.send(bare('\0alice\0wrong'))
    await client.closedByBroker
  })

  test('names what there is to clients that ask for something else, and lets them go', async () => {
    const client = await (await startBroker()).connect()
    assert.deepEqual(await handshake(client, 'GSSAPI'), {
      errorCode: 33,
      mechanisms: [...userMechanisms, 'POLYLOG-BROKER'],
    })
    await client.closedByBroker
  })

  test('wrong password, unknown user, no credential and a mechanism that is off look the same', async () => {
    await startBroker({}, ['SCRAM-SHA-256'])
    const attempts = [
      (client: TestClient) => scram(client, 'SCRAM-SHA-256', 'alice', 'wrong'),
      (client: TestClient) => scram(client, 'SCRAM-SHA-256', 'nobody', 'wonder'),
      (client: TestClient) => scram(client, 'SCRAM-SHA-512', 'alice', 'wonder'),
      (client: TestClient) => scram(client, 'SCRAM-SHA-512', 'bob', 'builder'),
      (client: TestClient) => plain(client, 'alice', 'wonder'),
      (client: TestClient) => plain(client, 'nobody', ''),
    ]
    const answers: unknown[] = []
    for (const attempt of attempts) {
      const client = await broker!.connect()
      answers.push(await attempt(client))
      await client.closedByBroker
    }
    const errorMessage =
      'Authentication failed: user name, password or mechanism is wrong. This broker takes SCRAM-SHA-256.'
    const expected = { errorCode: 58, errorMessage, authBytes: Buffer.alloc(0), sessionLifetimeMs: 0 }
    for (const answer of answers) assert.deepEqual(answer, expected)
    assert.equal(broker!.lines.filter(({ event }) => event === 'login refused').length, attempts.length)
  })

  test('the answer to a wrong login comes after the delay, whatever the reason', async () => {
    await startBroker({ authenticationFailureDelayMs: 300 })
    for (const name of ['alice', 'nobody']) {
      const client = await broker!.connect()
      const beganMs = broker!.host.clock.monotonicMs()
      assert.equal((await plain(client, name, 'wrong')).errorCode, 58)
      assert.ok(broker!.host.clock.monotonicMs() - beganMs >= 299)
    }
  })

  test('a stop does not wait for the delay', async () => {
    await startBroker({ authenticationFailureDelayMs: 60_000 })
    const client = await broker!.connect()
    await handshake(client, 'PLAIN')
    client.post(apis[36], 2, { authBytes: Buffer.from('\0alice\0wrong') })
    await until(() => broker!.lines.some(({ event }) => event === 'login refused'))
    await broker!.listener.stop({ timeoutMs: 60_000 })
    await client.closedByBroker
  })

  test('nothing else is served before: the connection ends', async () => {
    await startBroker()
    const early = [
      (client: TestClient) => client.post(apis[3], 9, { topics: [] }),
      (client: TestClient) => client.post(apis[51], 0, { deletions: [], upsertions: [] }),
      (client: TestClient) => client.post(apis[1], 4, { topics: [] }),
    ]
    for (const post of early) {
      const client = await broker!.connect()
      post(client)
      await client.closedByBroker
      assert.deepEqual(client.answered, [])
    }
    const patient = await broker!.connect()
    assert.equal(
      (await patient.call(apis[18], 3, { clientSoftwareName: 'x', clientSoftwareVersion: '1' })).errorCode,
      0,
    )
    assert.equal((await say(patient, 'x')).errorCode, 34)
    assert.equal((await plain(patient, 'alice', 'wonder')).errorCode, 0)
  })

  test('a request between handshake and login ends the connection too', async () => {
    const client = await (await startBroker()).connect()
    await handshake(client, 'PLAIN')
    client.post(apis[3], 9, { topics: [] })
    await client.closedByBroker
  })

  test('many passwords at a time are checked beside the work of others, not before it', async () => {
    await startBroker()
    const member = await broker!.connect()
    await plain(member, 'alice', 'wonder')
    const clients = await Promise.all(Array.from({ length: 60 }, () => broker!.connect()))
    let over = 0
    const logins = clients.map(async (client) => {
      const { errorCode } = await plain(client, 'alice', 'wonder')
      over++
      return errorCode
    })
    const seen: number[] = []
    while (over < clients.length) {
      await metadata(member)
      seen.push(over)
    }
    assert.deepEqual(new Set(await Promise.all(logins)), new Set([0]))
    assert.ok(seen.filter((count) => count < clients.length).length > 5, `answers came after ${seen.join()} logins`)
  })

  test('brokers prove the secret of the cluster, whatever the users do', async () => {
    const client = await (await startBroker()).connect()
    assert.equal((await proveBroker(client, { brokerId: 2, brokerEpoch: 77 })).errorCode, 0)
    await metadata(client)
  })

  test('a large request is taken after the login only', async () => {
    await startBroker()
    const large = { topics: Array.from({ length: 2000 }, (_, index) => ({ name: `a-topic-of-a-long-name-${index}` })) }
    const early = await broker!.connect()
    early.post(apis[3], 4, { ...large, allowAutoTopicCreation: false })
    await early.closedByBroker
    const client = await broker!.connect()
    await plain(client, 'alice', 'wonder')
    const { topics } = await client.call(apis[3], 4, { ...large, allowAutoTopicCreation: false })
    assert.equal(topics.length, 2000)
  })

  test('a user who is removed is disconnected; others stay', async () => {
    await startBroker()
    const [alice, bob] = [await broker!.connect(), await broker!.connect()]
    await plain(alice, 'alice', 'wonder')
    await plain(bob, 'bob', 'builder')
    broker!.listener.disconnect(new Set(['bob']))
    await bob.closedByBroker
    await metadata(alice)
  })
})

describe('login anew (KIP-368)', () => {
  afterEach(async () => {
    await broker?.stop()
    assert.deepEqual(broker?.errors() ?? [], [])
  })

  test('is told of, and possible on the same connection', async () => {
    const client = await (await startBroker({ reauthenticationMsMax: 3_600_000 })).connect()
    assert.equal((await plain(client, 'alice', 'wonder')).sessionLifetimeMs, 3_600_000)
    assert.equal((await plain(client, 'alice', 'wonder')).sessionLifetimeMs, 3_600_000)
    await metadata(client)
  })

  test('is not possible without a limit', async () => {
    const client = await (await startBroker()).connect()
    assert.equal((await plain(client, 'alice', 'wonder')).sessionLifetimeMs, 0)
    assert.equal((await handshake(client, 'PLAIN')).errorCode, 34)
    await metadata(client)
  })

  test('as somebody else, or with another mechanism, fails', async () => {
    await startBroker({ reauthenticationMsMax: 3_600_000 })
    const client = await broker!.connect()
    await plain(client, 'alice', 'wonder')
    assert.equal((await plain(client, 'bob', 'builder')).errorCode, 58)
    await client.closedByBroker
    const other = await broker!.connect()
    await plain(other, 'alice', 'wonder')
    assert.equal((await scram(other, 'SCRAM-SHA-256', 'alice', 'wonder')).errorCode, 58)
    await other.closedByBroker
  })

  test('a client that lets the time pass is disconnected at its next request', async () => {
    await startBroker({ reauthenticationMsMax: 1 })
    const client = await broker!.connect()
    await plain(client, 'alice', 'wonder')
    const thenMs = broker!.host.clock.monotonicMs()
    await until(() => broker!.host.clock.monotonicMs() > thenMs + 2)
    client.post(apis[3], 9, { topics: [] })
    await client.closedByBroker
    // It may still log in anew, and one that was never told of the time is left alone.
    const late = await broker!.connect()
    await plain(late, 'alice', 'wonder')
    assert.equal((await plain(late, 'alice', 'wonder')).errorCode, 0)
    const untold = await broker!.connect()
    await plain(untold, 'alice', 'wonder', 0)
    const laterMs = broker!.host.clock.monotonicMs()
    await until(() => broker!.host.clock.monotonicMs() > laterMs + 2)
    await metadata(untold)
  })
})

describe('users by Kafka APIs (KIP-554)', () => {
  afterEach(async () => {
    await broker?.stop()
    assert.deepEqual(broker?.errors() ?? [], [])
  })

  test('are made, listed and removed', async () => {
    const client = await (await startBroker()).connect()
    await plain(client, 'alice', 'wonder')
    const change = credential('carol', 'x', 'SCRAM-SHA-512', { iterations: 8192 })
    assert.ok(change.kind === 'set')
    const upsertion = { ...change, name: 'carol', mechanism: 2 }
    const made = await client.call(apis[51], 0, {
      deletions: [
        { name: 'bob', mechanism: 1 },
        { name: 'nobody', mechanism: 1 },
        { name: 'alice', mechanism: 9 },
      ],
      upsertions: [upsertion, { ...upsertion, name: '', iterations: 1 }],
    })
    const codes = made.results.map(({ user, errorCode }) => [user, errorCode])
    assert.deepEqual(codes, [
      ['bob', 0],
      ['nobody', 91],
      ['alice', 33],
      ['carol', 0],
      ['', 93],
    ])
    const all = await client.call(apis[50], 0, { users: null })
    assert.deepEqual(
      all.results.map(({ user, credentialInfos }) => [user, credentialInfos.map(({ mechanism }) => mechanism)]),
      [
        ['alice', [1, 2]],
        ['carol', [2]],
      ],
    )
    assert.equal(all.results[1]!.credentialInfos[0]!.iterations, 8192)
    const some = await client.call(apis[50], 0, {
      users: [{ name: 'carol' }, { name: 'bob' }, { name: 'alice' }, { name: 'alice' }],
    })
    assert.deepEqual(
      some.results.map(({ user, errorCode }) => [user, errorCode]),
      [
        ['carol', 0],
        ['bob', 91],
        ['alice', 92],
      ],
    )
    assert.equal((await scram(await broker!.connect(), 'SCRAM-SHA-512', 'carol', 'x')).errorCode, 0)
  })
})

describe('connections that have not logged in', () => {
  afterEach(async () => {
    await broker?.stop()
    assert.deepEqual(broker?.errors() ?? [], [])
  })

  test('are closed when their time is up; those that have stay', async () => {
    await startBroker({ unauthenticatedTimeoutMs: 1500 })
    const honest = await loggedIn()
    const silent = await broker!.connect()
    const slow = await broker!.connect()
    slow.send(Buffer.from([0, 0, 1]))
    await Promise.all([silent.closedByBroker, slow.closedByBroker])
    await metadata(honest)
  })

  test('the oldest makes room for one more', async () => {
    await startBroker({ unauthenticatedCountMax: 2 })
    const first = await broker!.connect()
    const second = await broker!.connect()
    await until(() => broker!.listener.connectionCount === 2)
    const third = await broker!.connect()
    await first.closedByBroker
    assert.equal((await plain(third, 'alice', 'wonder')).errorCode, 0)
    assert.equal((await plain(second, 'alice', 'wonder')).errorCode, 0)
  })

  for (const limit of ['connectionCountMax', 'connectionCountPerAddressMax'] as const) {
    test(`cannot keep others out by taking all there may be (${limit})`, async () => {
      await startBroker({ [limit]: 2 })
      const first = await broker!.connect()
      await plain(first, 'alice', 'wonder')
      const silent = await broker!.connect()
      await until(() => broker!.listener.connectionCount === 2)
      const second = await broker!.connect()
      await silent.closedByBroker
      assert.equal((await plain(second, 'alice', 'wonder')).errorCode, 0)
      const tooMany = await broker!.connect()
      await tooMany.closedByBroker
      await metadata(first)
    })
  }

  test('are answered one request at a time, and not read while they do not take their answers', async () => {
    const client = await (await startBroker()).connect()
    const ids = Array.from({ length: 300 }, () => client.post(apis[18], 0, {}))
    await until(() => client.answered.length === ids.length)
    assert.deepEqual(client.answered, ids)
  })
})
