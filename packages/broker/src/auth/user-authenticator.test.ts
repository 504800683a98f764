import assert from 'node:assert/strict'
import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { BrokerError } from '../errors/errors.ts'
import { scramKeyBytes } from '../image/user.ts'
import type { ScramMechanism } from '../image/user.ts'
import type { LoginStep } from './authenticator.ts'
import type { DeriveKey } from './derive-key.ts'
import { passwordAuthenticator } from './password-authenticator.ts'
import { hashOf } from './scram-keys.ts'
import { ScramClient } from './testing/scram-client.ts'
import { credential, userWorld } from './testing/user-world.ts'
import { UserAuthenticator, userMechanisms } from './user-authenticator.ts'

const random = { next: () => 0.5, bytes: (count: number) => randomBytes(count) }
const refusedWith = (reason: RegExp) => (error: unknown) =>
  error instanceof BrokerError && error.code === 'authentication-failed' && reason.test(error.message)

async function withAlice(mechanisms: readonly string[] = userMechanisms) {
  const { image, users } = userWorld()
  await users.alter([credential('alice', 'wonder'), credential('alice', 'wonder', 'SCRAM-SHA-512')])
  await users.alter([credential('old=,name', 'x'), credential('strong', 'y', 'SCRAM-SHA-512')])
  const derived: string[] = []
  const derive: DeriveKey = async (mechanism, password, salt, iterations) => {
    derived.push(mechanism)
    return pbkdf2Sync(password, salt, iterations, scramKeyBytes[mechanism], hashOf(mechanism))
  }
  const authenticator = new UserAuthenticator({ image, random, mechanisms, decoySecret: 'ab'.repeat(32), derive })
  return { authenticator, image, users, derived }
}

type World = Awaited<ReturnType<typeof withAlice>>

async function scram(world: World, mechanism: ScramMechanism, name: string, password: string): Promise<LoginStep> {
  const exchange = world.authenticator.begin(mechanism, '192.0.2.1')!
  const client = new ScramClient(mechanism, name, password)
  const { answer } = await exchange.step(client.first)
  const last = await exchange.step(client.final(answer))
  assert.ok(client.isServerProved(last.answer))
  return last
}

async function plain(world: World, token: string): Promise<LoginStep> {
  return await world.authenticator.begin('PLAIN', '192.0.2.1')!.step(Buffer.from(token))
}

describe('users log in', () => {
  test('with each mechanism, and names with the characters that SCRAM escapes', async () => {
    const world = await withAlice()
    const alice = { type: 'User', name: 'alice' }
    assert.deepEqual((await scram(world, 'SCRAM-SHA-256', 'alice', 'wonder')).principal, alice)
    assert.deepEqual((await scram(world, 'SCRAM-SHA-512', 'alice', 'wonder')).principal, alice)
    assert.deepEqual((await plain(world, '\0alice\0wonder')).principal, alice)
    assert.deepEqual((await plain(world, 'alice\0alice\0wonder')).principal, alice)
    assert.equal((await scram(world, 'SCRAM-SHA-256', 'old=,name', 'x')).principal?.name, 'old=,name')
    assert.equal((await plain(world, '\0strong\0y')).principal?.name, 'strong')
    assert.deepEqual(await world.authenticator.checkPassword('alice', Buffer.from('wonder'), '::1'), alice)
  })

  test('a mechanism that nobody knows is none', async () => {
    const { authenticator } = await withAlice()
    for (const mechanism of ['', 'plain', 'GSSAPI', 'SCRAM-SHA-1']) {
      assert.equal(authenticator.begin(mechanism, '::1'), undefined)
    }
  })

  test('what is no PLAIN message is refused', async () => {
    const world = await withAlice()
    for (const token of [
      '',
      '\0',
      'alice\0wonder',
      '\0alice\0',
      '\0\0wonder',
      '\0alice\0wonder\0',
      `\0a\0${'x'.repeat(256)}`,
    ]) {
      await assert.rejects(plain(world, token), refusedWith(/form/))
    }
    await assert.rejects(plain(world, 'bob\0alice\0wonder'), refusedWith(/another user/))
  })

  test('the message is not needed any more when the call has returned', async () => {
    const world = await withAlice()
    const token = Buffer.from('\0alice\0wonder')
    const step = world.authenticator.begin('PLAIN', '::1')!.step(token)
    token.fill(0xff)
    assert.equal((await step).principal?.name, 'alice')
  })
})

describe('wrong password, unknown user, no credential and a mechanism that is off', () => {
  test('PLAIN: the same failure after the same derivation', async () => {
    const world = await withAlice()
    await assert.rejects(plain(world, '\0alice\0wrong'), refusedWith(/password/))
    await assert.rejects(plain(world, '\0nobody\0wonder'), refusedWith(/no such user/))
    await assert.rejects(plain(world, '\0ANONYMOUS\0wonder'), refusedWith(/no such user/))
    assert.deepEqual(
      world.derived,
      Array.from({ length: 3 }, () => 'SCRAM-SHA-256'),
    )
    const off = await withAlice(['SCRAM-SHA-256'])
    await assert.rejects(plain(off, '\0alice\0wonder'), refusedWith(/PLAIN is off/))
    assert.deepEqual(off.derived, ['SCRAM-SHA-256'])
  })

  test('SCRAM: a challenge like any other, and a failure at the end', async () => {
    const world = await withAlice(['SCRAM-SHA-256', 'PLAIN'])
    await assert.rejects(scram(world, 'SCRAM-SHA-256', 'alice', 'wrong'), refusedWith(/password is wrong/))
    await assert.rejects(scram(world, 'SCRAM-SHA-256', 'nobody', 'x'), refusedWith(/no such user/))
    await assert.rejects(scram(world, 'SCRAM-SHA-256', 'strong', 'y'), refusedWith(/no credential/))
    await assert.rejects(scram(world, 'SCRAM-SHA-512', 'alice', 'wonder'), refusedWith(/is off/))
  })

  test('the challenge of an unknown user is the same each time, and looks like one of a known user', async () => {
    const world = await withAlice()
    const challengeOf = async (name: string, mechanism: ScramMechanism = 'SCRAM-SHA-256') => {
      const { answer } = await world.authenticator.begin(mechanism, '::1')!.step(Buffer.from(`n,,n=${name},r=n`))
      const [, salt, iterations] = /^r=n[\w-]{32},s=([^,]+),i=(\d+)$/.exec(Buffer.from(answer).toString())!
      return { salt: salt!, bytes: Buffer.from(salt!, 'base64').length, iterations }
    }
    const once = await challengeOf('nobody')
    assert.deepEqual(await challengeOf('nobody'), once)
    const known = await challengeOf('alice')
    assert.deepEqual([once.bytes, once.iterations], [known.bytes, known.iterations])
    assert.notEqual((await challengeOf('nobody2')).salt, once.salt)
    assert.notEqual((await challengeOf('nobody', 'SCRAM-SHA-512')).salt, once.salt)
  })

  test('a user who was removed between challenge and proof is refused by the next login', async () => {
    const world = await withAlice()
    await world.users.alter([
      { kind: 'remove', user: 'alice', mechanism: 'SCRAM-SHA-256' },
      { kind: 'remove', user: 'alice', mechanism: 'SCRAM-SHA-512' },
    ])
    await assert.rejects(scram(world, 'SCRAM-SHA-256', 'alice', 'wonder'), refusedWith(/no such user/))
  })

  test('no reason names the password, nor a name that is not known', async () => {
    const world = await withAlice()
    const reasons: string[] = []
    const attempts = [
      () => plain(world, '\0alice\0hunter2'),
      () => plain(world, '\0hunter2\0hunter2'),
      () => plain(world, 'hunter2'),
      () => plain(world, 'hunter2\0alice\0hunter2'),
      () => scram(world, 'SCRAM-SHA-256', 'hunter2', 'hunter2'),
    ]
    for (const attempt of attempts) await attempt().catch((error: Error) => reasons.push(error.message))
    assert.equal(reasons.length, attempts.length)
    assert.doesNotMatch(reasons.join('\n'), /hunter2/)
  })
})

describe('whatever a client sends', () => {
  const piece = fc.constantFrom(
    'n',
    ',',
    '=',
    'n=',
    'r=',
    'p=',
    'c=biws',
    'a=',
    'alice',
    '\0',
    'AAAA',
    'tokenauth=true',
  )
  const token = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 12 })
      .map((pieces) => Buffer.from(pieces.join(''))),
  )

  test('a login fails as a login does, and nobody gets in', async () => {
    const { authenticator } = await withAlice()
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...userMechanisms),
        fc.array(token, { maxLength: 3 }),
        async (mechanism, tokens) => {
          const exchange = authenticator.begin(mechanism, '::1')!
          for (const each of tokens) {
            try {
              assert.equal((await exchange.step(each)).principal, undefined)
            } catch (error) {
              assert.ok(error instanceof BrokerError && error.code === 'authentication-failed', String(error))
            }
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('an authenticator of the embedder', () => {
  test('judges names and passwords, and may say who it is in other words', async () => {
    const authenticator = passwordAuthenticator(async (name, password) => {
      if (password !== `${name}!`) return false
      return name === 'robot' ? { type: 'Service', name: 'r2' } : true
    })
    const login = async (token: string) => await authenticator.begin('PLAIN', '::1')!.step(Buffer.from(token))
    assert.deepEqual((await login('\0ann\0ann!')).principal, { type: 'User', name: 'ann' })
    assert.deepEqual((await login('\0robot\0robot!')).principal, { type: 'Service', name: 'r2' })
    await assert.rejects(login('\0ann\0ann'), refusedWith(/wrong/))
    assert.equal(authenticator.begin('SCRAM-SHA-256', '::1'), undefined)
  })
})
