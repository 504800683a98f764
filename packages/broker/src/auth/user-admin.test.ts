import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, test } from 'node:test'
import { silentLogger } from '../telemetry/logger.ts'
import { ensureBootstrapUser } from './bootstrap-user.ts'
import { credential, userWorld } from './testing/user-world.ts'
import type { CredentialChange } from './user-admin.ts'
import { UserAuthenticator } from './user-authenticator.ts'

async function outcomesOf(changes: CredentialChange[], world = userWorld()): Promise<Record<string, string>> {
  const outcomes = await world.users.alter(changes)
  return Object.fromEntries([...outcomes].map(([name, error]) => [name, error?.code ?? 'done']))
}

const removal = (user: string): CredentialChange => ({ kind: 'remove', user, mechanism: 'SCRAM-SHA-256' })

describe('user admin', () => {
  test('makes, changes and removes users; one without credentials is gone', async () => {
    const world = userWorld()
    assert.deepEqual(await outcomesOf([credential('a', '1'), credential('b', '1')], world), { a: 'done', b: 'done' })
    await world.users.alter([credential('a', '1', 'SCRAM-SHA-512')])
    assert.deepEqual([...world.image.users.get('a')!.credentials.keys()], ['SCRAM-SHA-256', 'SCRAM-SHA-512'])
    assert.deepEqual(await outcomesOf([removal('a'), removal('b')], world), { a: 'done', b: 'done' })
    assert.deepEqual([...world.image.users.keys()], ['a'])
    assert.deepEqual(await outcomesOf([removal('a'), removal('b')], world), {
      a: 'credential-not-found',
      b: 'credential-not-found',
    })
  })

  test('keeps no password: the store holds keys that it does not follow from', async () => {
    const world = userWorld()
    const change = credential('a', 'wonder')
    await world.users.alter([change])
    const { storedKey, serverKey, salt } = world.image.users.get('a')!.credentials.get('SCRAM-SHA-256')!
    assert.ok(change.kind === 'set')
    for (const kept of [storedKey, serverKey, salt]) assert.ok(!kept.equals(change.saltedPassword))
  })

  test('refuses what Kafka refuses, for that user alone and as a whole', async () => {
    const world = userWorld()
    const some = credential('x', '1')
    assert.ok(some.kind === 'set')
    const outcomes = await outcomesOf(
      [
        credential('fine', '1'),
        { ...some, user: '' },
        { ...some, user: 'few', iterations: 4095 },
        { ...some, user: 'many', iterations: 16_385 },
        { ...some, user: 'strange', mechanism: undefined },
        { ...some, user: 'twice' },
        { ...some, user: 'twice' },
        removal('both'),
        { ...some, user: 'both' },
        credential('half', '1', 'SCRAM-SHA-512'),
        { ...some, user: 'half', iterations: 1 },
        { ...some, user: 'unsalted', salt: Buffer.alloc(0) },
        { ...some, user: 'short', saltedPassword: randomBytes(16) },
        { ...some, user: 'ANONYMOUS' },
        { ...some, user: 'Käthe' },
        { ...some, user: ' space' },
        { ...some, user: 'n'.repeat(256) },
      ],
      world,
    )
    assert.deepEqual(outcomes, {
      fine: 'done',
      '': 'unacceptable-credential',
      few: 'unacceptable-credential',
      many: 'unacceptable-credential',
      strange: 'unsupported-mechanism',
      twice: 'duplicate-resource',
      both: 'duplicate-resource',
      half: 'unacceptable-credential',
      unsalted: 'unacceptable-credential',
      short: 'unacceptable-credential',
      ANONYMOUS: 'unacceptable-credential',
      Käthe: 'unacceptable-credential',
      ' space': 'unacceptable-credential',
      ['n'.repeat(256)]: 'unacceptable-credential',
    })
    assert.deepEqual([...world.image.users.keys()], ['fine'])
  })
})

describe('the first user', () => {
  const random = { next: () => 0.5, bytes: (count: number) => randomBytes(count) }

  test('can log in, and keeps the password that was set later', async () => {
    const { image, users } = userWorld()
    const parts = { image, users, random, logger: silentLogger }
    const authenticator = new UserAuthenticator({ image, random, mechanisms: ['PLAIN'], decoySecret: 'ab' })
    const isPassword = (password: string) =>
      authenticator.checkPassword('admin', Buffer.from(password), '::1').then(
        () => true,
        () => false,
      )
    await ensureBootstrapUser('admin', Buffer.from('first'), parts)
    assert.ok(await isPassword('first'))
    assert.equal(image.users.get('admin')?.credentials.size, 2)
    await users.alter([credential('admin', 'second'), credential('admin', 'second', 'SCRAM-SHA-512')])
    await ensureBootstrapUser('admin', Buffer.from('first'), parts)
    assert.deepEqual([await isPassword('first'), await isPassword('second')], [false, true])
  })

  test('needs a password and a name that is one', async () => {
    const { image, users } = userWorld()
    const parts = { image, users, random, logger: silentLogger }
    await assert.rejects(ensureBootstrapUser('admin', Buffer.alloc(0), parts), /must not be empty/)
    await assert.rejects(ensureBootstrapUser('ANONYMOUS', Buffer.from('x'), parts), /have not logged in/)
  })
})
