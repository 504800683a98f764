import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HttpClientError } from '../../host/http-client.ts'
import { compareAndSet, putIfAbsent } from '../compare-and-set.ts'
import { MetadataError } from '../metadata-error.ts'
import type { LeaseId } from '../metadata-store.ts'
import { connectTo, cutOff, down, hanging, header, keyValueAt, Members, pass } from './members.fixture.ts'
import { refusal, settle, timedOut } from './members.fixture.ts'

const credentials = { user: 'polylog', password: 'secret' }
const txn = '/v3/kv/txn'
const putAnswer = { header: header(2), succeeded: true, responses: [{ response_put: {} }] }
const put = { then: [{ kind: 'put' as const, key: 'k', value: 'v' }] }

async function rejection(promise: Promise<unknown>): Promise<MetadataError> {
  const error: unknown = await promise.then(
    () => assert.fail('it was not rejected'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof MetadataError, String(error))
  return error
}

describe('which member is asked', () => {
  test('a write that was not sent goes on to the next member, and there it stays', async () => {
    const members = new Members()
    const { store } = await connectTo(members, 'abc')
    members
      .reply(`a ${txn}`, down)
      .reply(`b ${txn}`, refusal('etcdserver: no leader', 503))
      .reply(`c ${txn}`, putAnswer)
    assert.equal((await store.transaction(put)).revision, 2)
    assert.equal((await store.transaction(put)).revision, 2)
    assert.deepEqual(members.take(), [`a ${txn}`, `b ${txn}`, `c ${txn}`, `c ${txn}`])
    assert.equal(store.failure, undefined)
  })

  test('a write that may have arrived is not sent again', async () => {
    for (const reply of [cutOff, timedOut, refusal('etcdserver: request timed out', 503), refusal('?', 502)]) {
      const members = new Members()
      const { store } = await connectTo(members, 'ab')
      members.reply(txn, reply)
      const error = await rejection(store.transaction(put))
      assert.equal(error.kind, 'unavailable')
      assert.match(error.message, /whether the write was made is not known/)
      assert.deepEqual(members.take(), [`a ${txn}`])
      assert.match(store.failure ?? '', /http:\/\/a/)
    }
  })

  test('an answer that cannot be read leaves the outcome of a write open, and a read goes on', async () => {
    const members = new Members()
    const { store } = await connectTo(members, 'ab')
    const tooLarge = (): never => {
      throw new HttpClientError('too-large', true, 'too large')
    }
    for (const reply of [tooLarge, () => ({ status: 200, body: '<html>' }), { header: { cluster_id: '78' } }]) {
      members.reply(txn, reply)
      assert.match((await rejection(store.transaction(put))).message, /is not known/)
      assert.equal(members.take().length, 1)
    }
    members.reply('a /v3/kv/range', { header: header(5, '78') }).reply('b /v3/kv/range', { header: header(5) })
    assert.equal(await store.get('k'), undefined)
  })

  test('a read goes from member to member until its time is over', async () => {
    const members = new Members()
    const { store, clock } = await connectTo(members, 'ab')
    members.reply('/v3/kv/range', cutOff)
    const reading = rejection(store.get('k'))
    await pass(clock, 5000)
    assert.equal((await reading).kind, 'unavailable')
    const asked = members.take()
    assert.ok(asked.length >= 6 && asked.length < 40, `asked ${asked.length} times`)
    members.reply('/v3/kv/range', { header: header(5), kvs: [keyValueAt('k', 4)] })
    assert.equal((await store.get('k'))?.modRevision, 4)
  })

  test('writes that nobody could be sent to say that nothing was done', async () => {
    const members = new Members()
    const { store, clock } = await connectTo(members, 'ab')
    members.reply(txn, down)
    const writing = rejection(store.transaction(put))
    await pass(clock, 5000)
    assert.match((await writing).message, /nothing was done/)
    members.reply(txn, refusal('etcdserver: too many requests', 429))
    const refused = rejection(store.transaction(put))
    await pass(clock, 5000)
    assert.equal((await refused).kind, 'overloaded')
  })

  test('attempts have a time, that of a write is all there is', async () => {
    const members = new Members()
    const { store } = await connectTo(members, 'a')
    members.reply(txn, putAnswer)
    await store.transaction(put)
    await store.get('k')
    assert.deepEqual(
      members.seen.map(({ request }) => [request.timeoutMs, request.connectTimeoutMs]),
      [
        [5000, 1000],
        [2000, 1000],
      ],
    )
  })

  test('too many requests at a time are refused before anything is sent', async () => {
    const members = new Members()
    const { store } = await connectTo(members, 'a', { limits: { requestCountMax: 3, requestBytesMax: 10_000 } })
    members.reply('/v3/kv/range', hanging)
    const waiting = [store.get('1'), store.get('2')]
    assert.equal(
      (await rejection(store.transaction({ then: [{ kind: 'put', key: 'k', value: 'x'.repeat(9000) }] }))).kind,
      'overloaded',
    )
    waiting.push(store.get('3'))
    assert.equal((await rejection(store.get('4'))).kind, 'overloaded')
    await settle()
    assert.equal(members.take().length, 3)
  })
})

describe('compare and set', () => {
  const keyValues = (value: string): object => ({ kvs: [keyValueAt('k', 9, 2, 3, value)] })
  const done = {
    header: header(9),
    succeeded: true,
    responses: [{ response_put: {} }, { response_range: keyValues('v') }],
  }
  const missed = { header: header(9), responses: [{ response_range: keyValues('v') }] }

  test('one that demands the revision of the key it changes is sent again', async () => {
    const members = new Members()
    const { store } = await connectTo(members, 'ab')
    members.reply(`a ${txn}`, cutOff).reply(`b ${txn}`, done)
    assert.equal((await compareAndSet(store, 'k', 7, 'v')).succeeded, true)
    assert.deepEqual(members.take(), [`a ${txn}`, `b ${txn}`])
  })

  test('a refusal the second time leaves open who was first', async () => {
    for (const answer of [missed, refusal('etcdserver: requested lease not found', 404)]) {
      const members = new Members()
      const { store } = await connectTo(members, 'ab')
      members.reply(`a ${txn}`, cutOff).reply(`b ${txn}`, answer)
      const error = await rejection(compareAndSet(store, 'k', 7, 'v'))
      assert.deepEqual([error.kind, /is not known/.test(error.message)], ['unavailable', true])
    }
  })

  test('a refusal the first time is one', async () => {
    const members = new Members()
    const { store } = await connectTo(members, 'ab')
    members.reply(`a ${txn}`, down).reply(`b ${txn}`, missed)
    assert.equal((await compareAndSet(store, 'k', 7, 'v')).succeeded, false)
  })

  test('one that demands a missing key is not sent again, since the key may come and go', async () => {
    const members = new Members()
    const { store } = await connectTo(members, 'ab')
    members.reply(txn, cutOff)
    assert.match((await rejection(putIfAbsent(store, 'k', 'v'))).message, /is not known/)
    assert.equal(members.take().length, 1)
  })
})

describe('leases', () => {
  test('a keep-alive takes half the life of the lease at most, an attempt half of that', async () => {
    const members = new Members()
    const { store } = await connectTo(members, 'a')
    members.reply('/v3/lease/grant', { header: header(1), ID: '5', TTL: '3' })
    members.reply('/v3/lease/keepalive', { result: { header: header(1), ID: '5', TTL: '3' } }, { result: { ID: '5' } })
    const lease = await store.grantLease(2001)
    assert.deepEqual(lease, { id: '5', ttlMs: 3000 })
    assert.deepEqual(await store.keepAlive(lease.id), lease)
    assert.deepEqual([members.seen[0]?.message, members.seen[1]?.request.timeoutMs], [{ TTL: '3' }, 750])
    assert.equal((await rejection(store.keepAlive(lease.id))).kind, 'lease-not-found')
  })

  test('a lease that is gone when it is revoked again has been revoked', async () => {
    const members = new Members()
    const { store } = await connectTo(members, 'ab')
    const gone = refusal('etcdserver: requested lease not found', 404)
    members.reply('/v3/lease/revoke', cutOff, gone)
    await store.revokeLease('5' as LeaseId)
    assert.equal((await rejection(store.revokeLease('5' as LeaseId))).kind, 'lease-not-found')
  })
})

describe('tokens', () => {
  const expired = refusal('etcdserver: invalid auth token', 401)

  test('an expired token is renewed, once for all who need it, and what was refused is sent again', async () => {
    const members = new Members().reply('/v3/auth/authenticate', { token: 'one' }, { token: 'two' })
    const { store } = await connectTo(members, 'a', { credentials })
    members.reply(txn, ({ headers }) =>
      headers['authorization'] === 'two'
        ? { status: 200, body: JSON.stringify(putAnswer) }
        : { status: 401, body: '{"message":"etcdserver: invalid auth token"}' },
    )
    await Promise.all([store.transaction(put), store.transaction(put), store.transaction(put)])
    const paths = members.take()
    assert.equal(paths.filter((path) => path === 'a /v3/auth/authenticate').length, 1)
    assert.equal(paths.filter((path) => path === `a ${txn}`).length, 6)
  })

  test('tokens that are never good end in a refusal', async () => {
    const members = new Members().reply('/v3/auth/authenticate', { token: 'one' })
    const { store } = await connectTo(members, 'ab', { credentials })
    members.reply(txn, expired)
    assert.equal((await rejection(store.transaction(put))).kind, 'unavailable')
    assert.ok(members.take().length < 10)
  })

  test('a wrong password is said at once, and one that etcd does not want is left out', async () => {
    const wrong = refusal('etcdserver: authentication failed, invalid user ID or password')
    const error = await rejection(connectTo(new Members().reply('/v3/auth/authenticate', wrong), 'a', { credentials }))
    assert.deepEqual([error.kind, error.message], ['invalid', 'etcd does not know user "polylog" with this password'])
    const members = new Members().reply(
      '/v3/auth/authenticate',
      refusal('etcdserver: authentication is not enabled', 412),
    )
    const { store } = await connectTo(members, 'a', { credentials })
    await store.get('k')
    assert.equal(members.seen[0]?.request.headers['authorization'], undefined)
  })
})

describe('connect', () => {
  test('an etcd that is too old, or wants a user, or is none, is refused', async () => {
    const connect = async (status: object, range: object): Promise<MetadataError> => {
      const members = new Members()
      const connecting = connectTo(members, 'a')
      members.reply('/v3/maintenance/status', status).reply('/v3/kv/range', range)
      const error = await rejection(connecting)
      assert.ok(members.closed)
      return error
    }
    const good = { header: header(1), version: '3.4.0' }
    assert.match(
      (await connect({ header: header(1), version: '3.3.27' }, {})).message,
      /version 3\.3\.27; .* 3\.4 or later/,
    )
    const nameless = refusal('etcdserver: user name is empty')
    assert.deepEqual((await connect(good, nameless)).message, 'etcd wants a user and a password')
  })
})

describe('ranges', () => {
  const page = (revision: number, keys: string[], more: boolean): object => ({
    header: header(revision),
    kvs: keys.map((key) => keyValueAt(key, 3)),
    more,
    count: '3',
  })
  const tooLarge = (): never => {
    throw new HttpClientError('too-large', true, 'too large')
  }

  test('long ones are read in pages of one revision, smaller ones where values are large', async () => {
    const members = new Members()
    const { store } = await connectTo(members, 'a', { limits: { pageKeyCountMax: 16 } })
    members.reply('/v3/kv/range', tooLarge, page(7, ['a', 'b'], true), page(9, ['c'], false))
    const { revision, keyValues, more, count } = await store.range('')
    assert.deepEqual([revision, keyValues.map(({ key }) => key), more, count], [7, ['a', 'b', 'c'], false, 3])
    const asked = members.seen.map(({ message }) => [
      message['revision'],
      message['limit'],
      Buffer.from(String(message['key']), 'base64').toString(),
    ])
    assert.deepEqual(asked, [
      ['0', '16', '/polylog/'],
      ['0', '2', '/polylog/'],
      ['7', '2', '/polylog/b\u0000'],
    ])
  })

  test('one that compaction overtakes begins anew, unless a past revision was asked for', async () => {
    const members = new Members()
    const { store } = await connectTo(members, 'a')
    const compacted = refusal('etcdserver: mvcc: required revision has been compacted')
    members.reply('/v3/kv/range', page(7, ['a'], true), compacted, page(9, ['a', 'b'], false))
    assert.equal((await store.range('')).revision, 9)
    members.reply('/v3/kv/range', compacted)
    assert.equal((await rejection(store.range('', { atRevision: 3 }))).kind, 'compacted')
  })

  test('answers that are not of etcd are refused', async () => {
    const members = new Members()
    const { store, clock } = await connectTo(members, 'a')
    for (const answer of [
      { header: header(2), kvs: 'none' },
      { header: header(2), kvs: [{ ...keyValueAt('k', 2), version: '99999999999999999999' }] },
      { header: header(2), kvs: [{ key: 'eA==' }] },
      { kvs: [] },
    ]) {
      members.reply('/v3/kv/range', answer)
      const reading = rejection(store.range(''))
      await pass(clock, 5000, 1000)
      assert.equal((await reading).kind, 'unavailable')
    }
    members.reply('/v3/kv/range', { header: header(2), kvs: [{ ...keyValueAt('k', 2), value: '//8=' }] })
    assert.equal((await rejection(store.range(''))).kind, 'corrupt')
  })
})

test('close waits for what is under way and then closes the connections', async () => {
  const members = new Members()
  const { store } = await connectTo(members, 'a')
  let answer = (): void => {}
  members.reply(
    '/v3/kv/range',
    () =>
      new Promise((resolve) => (answer = () => resolve({ status: 200, body: JSON.stringify({ header: header(2) }) }))),
  )
  const reading = store.get('k')
  await settle()
  const closing = store.close()
  await settle()
  assert.equal(members.closed, false)
  answer()
  assert.equal(await reading, undefined)
  await closing
  assert.equal(members.closed, true)
})
