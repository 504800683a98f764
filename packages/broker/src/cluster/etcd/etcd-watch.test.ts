import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { WatchOutcome } from '../metadata-store.ts'
import type { ManualClock } from '../embedded/manual-clock.fixture.ts'
import type { EtcdMetadataStore } from './etcd-store.ts'
import { connectTo, deleteEvent, header, keyValueAt, Members, pass, putEvent, settle } from './members.fixture.ts'
import type { MemberStream } from './members.fixture.ts'

interface World {
  readonly members: Members
  readonly store: EtcdMetadataStore
  readonly clock: ManualClock
  readonly told: WatchOutcome[]
  /** What was told in short: `5:a,b` for a revision with its keys, or the kind. */
  readonly summary: () => string[]
  readonly stream: (index: number) => MemberStream
}

async function watching(fromRevision: number, names = 'ab', user = false): Promise<World> {
  const members = new Members().reply('/v3/auth/authenticate', { token: 'one' }, { token: 'two' }, { token: 'three' })
  const credentials = { user: 'polylog', password: 'secret' }
  const { store, clock } = await connectTo(members, names, user ? { credentials } : {})
  const told: WatchOutcome[] = []
  store.watch('', fromRevision, (outcome) => told.push(outcome))
  await settle()
  return {
    members,
    store,
    clock,
    told,
    summary: () => told.map((outcome) => summaryOf(outcome)),
    stream: (index) => {
      const stream = members.streams.at(index)
      assert.ok(stream, `there are ${members.streams.length} streams`)
      return stream
    },
  }
}

function summaryOf(outcome: WatchOutcome): string {
  if (outcome.kind !== 'changes') return outcome.kind
  const keys = outcome.events.map((event) => (event.kind === 'put' ? event.keyValue.key : `-${event.key}`))
  return `${outcome.revision}:${keys.join()}`
}

describe('streams', () => {
  test('one that is cut goes on at another member with the first revision not told', async () => {
    const { clock, stream, summary, members } = await watching(5)
    assert.equal(stream(0).startRevision, 5)
    stream(0).send({ events: [putEvent('a', 5), putEvent('b', 7)] })
    await settle()
    stream(0).cut()
    await pass(clock, 100)
    assert.deepEqual([members.streams.length, stream(1).member, stream(1).startRevision], [2, 'b', 8])
    stream(1).send({ events: [putEvent('c', 9)] })
    await settle()
    assert.deepEqual(summary(), ['5:a', '7:b', '9:c'])
  })

  test('a revision cut in its middle is told once, whole', async () => {
    const { clock, stream, summary } = await watching(5)
    stream(0).send({ events: [putEvent('a', 5), putEvent('b', 6)], fragment: true })
    await settle()
    assert.deepEqual(summary(), ['5:a'], 'revision 6 may have more events')
    stream(0).cut()
    await pass(clock, 100)
    assert.equal(stream(1).startRevision, 6)
    stream(1).send({ events: [putEvent('b', 6)], fragment: true })
    stream(1).send({ events: [putEvent('c', 6)] })
    await settle()
    assert.deepEqual(summary(), ['5:a', '6:b,c'])
  })

  test('lines come in pieces, and half a line counts for nothing', async () => {
    const { clock, stream, summary } = await watching(5)
    const line = `${JSON.stringify({ result: { header: header(5), events: [putEvent('a', 5)] } })}\n`
    stream(0).sendText(line.slice(0, 30))
    await settle()
    stream(0).sendText(`${line.slice(30)}${line.slice(0, 100)}`)
    stream(0).cut()
    await pass(clock, 100)
    assert.deepEqual(summary(), ['5:a'])
    assert.equal(stream(1).startRevision, 6)
  })

  test('what was told, or is older than asked for, is left out', async () => {
    const { stream, summary } = await watching(5)
    stream(0).send({ events: [putEvent('old', 3), putEvent('a', 5), putEvent('b', 6)] })
    stream(0).send({ events: [putEvent('a', 5), putEvent('b', 6), putEvent('c', 8)] })
    stream(0).send({ events: [putEvent('b', 6)] })
    await settle()
    assert.deepEqual(summary(), ['5:a', '6:b', '8:c'])
  })

  test('a silent one is opened anew where the watch stands', async () => {
    const { clock, stream, members } = await watching(5, 'a')
    await pass(clock, 9000, 500)
    assert.equal(members.streams.length, 1)
    stream(0).send({ events: [putEvent('a', 5)] })
    await pass(clock, 9000, 500)
    assert.equal(members.streams.length, 1)
    await pass(clock, 2000, 500)
    assert.equal(stream(0).isOver, true)
    assert.deepEqual([members.streams.length, stream(1).startRevision], [2, 6])
  })

  test('a member that does not serve is left for another, and none is asked without pause', async () => {
    const { clock, stream, members } = await watching(5)
    members.streamless.add('a')
    stream(0).sendText(`${JSON.stringify({ error: { message: 'etcdserver: no leader' } })}\n`)
    await pass(clock, 100)
    assert.equal(stream(1).member, 'b')
    for (let round = 0; round < 40; round++) {
      stream(-1).end()
      await pass(clock, 50)
    }
    assert.ok(members.streams.length <= 43, `${members.streams.length} streams in two seconds`)
    members.streamless.add('b')
    stream(-1).cut()
    await pass(clock, 5000)
    members.streamless.clear()
    const before = members.streams.length
    await pass(clock, 1100)
    assert.equal(members.streams.length, before + 1)
  })

  test('a member that takes a stream and says nothing is left for another', async () => {
    const { clock, stream, members } = await watching(5, 'ab')
    members.silent.add('b')
    stream(0).cut()
    await pass(clock, 100)
    assert.deepEqual([stream(1).member, members.streams.length], ['b', 2])
    await pass(clock, 11_000, 500)
    assert.deepEqual([stream(-1).member, stream(1).isOver], ['a', true])
  })

  test('a notice of progress moves the start, one to all watches of a stream does not', async () => {
    const { clock, stream } = await watching(5, 'a')
    stream(0).send({ header: header(50), watch_id: '-1' })
    await settle()
    stream(0).cut()
    await pass(clock, 100)
    assert.equal(stream(1).startRevision, 5)
    stream(1).send({ header: header(40) })
    await settle()
    stream(1).cut()
    await pass(clock, 100)
    assert.equal(stream(2).startRevision, 41)
  })
})

describe('ends', () => {
  test('compaction is told once, and nothing after it', async () => {
    const { clock, stream, told, members } = await watching(5)
    stream(0).send({ canceled: true, compact_revision: '30' })
    stream(0).send({ events: [putEvent('a', 31)] })
    await pass(clock, 30_000, 1000)
    assert.deepEqual(told, [{ kind: 'compacted', compactRevision: 30 }])
    assert.equal(members.streams.length, 1)
  })

  test('a token that expires is renewed; a watch that is not allowed fails', async () => {
    const { clock, stream, summary, members } = await watching(5, 'a', true)
    assert.equal(stream(0).token, 'one')
    members.silent.add('a')
    stream(0).send({ created: true, canceled: true, cancel_reason: 'rpc error: etcdserver: invalid auth token' })
    await pass(clock, 200)
    assert.equal(stream(1).token, 'two')
    stream(1).send({ events: [putEvent('a', 5)] })
    await settle()
    for (let round = 0; round < 3; round++) {
      stream(-1).send({ created: true, canceled: true, cancel_reason: 'etcdserver: permission denied' })
      await pass(clock, 2000)
    }
    assert.deepEqual(summary(), ['5:a', 'failed'])
    const { length } = members.streams
    await pass(clock, 2000)
    assert.equal(members.streams.length, length)
  })

  test('after close nothing is told and no stream is left', async () => {
    const { store, clock, stream, told, members } = await watching(5)
    await store.close()
    stream(0).send({ events: [putEvent('a', 5)] })
    await pass(clock, 30_000, 1000)
    assert.deepEqual([told.length, members.streams.length, stream(0).isOver], [0, 1, true])
  })

  test('a listener may cancel between two revisions', async () => {
    const members = new Members()
    const { store } = await connectTo(members, 'a')
    let count = 0
    const watch = store.watch('', 5, () => {
      count++
      watch.cancel()
    })
    await settle()
    members.streams[0]!.send({ events: [putEvent('a', 5), putEvent('b', 6)] })
    await settle()
    assert.equal(count, 1)
  })
})

describe('lost events', () => {
  const auditMs = 300_000
  const patienceMs = 30_000
  const sample = (revision: number, count: number, ...kvs: object[]): object => ({
    header: header(revision),
    count: String(count),
    kvs,
  })
  async function audit(world: World, answer: object): Promise<void> {
    world.members.reply('/v3/kv/range', answer)
    await pass(world.clock, auditMs + patienceMs + 4000, 2000)
    // The last silence may have ended a stream just now.
    await pass(world.clock, 100)
  }

  test('versions that do not follow each other mean that the state must be read anew', async () => {
    const gaps = [
      [putEvent('a', 5), putEvent('a', 7, 3, 5)],
      [putEvent('a', 5, 2, 5)],
      [putEvent('a', 5), putEvent('a', 9, 1, 9)],
      [deleteEvent('a', 5), deleteEvent('a', 6)],
    ]
    for (const events of gaps) {
      const { stream, summary } = await watching(5)
      stream(0).send({ events })
      await settle()
      assert.equal(summary().at(-1), 'compacted')
    }
  })

  test('versions that follow each other do not', async () => {
    const { stream, summary } = await watching(5)
    const events = [
      putEvent('old', 5, 9, 2),
      putEvent('old', 6, 10, 2),
      deleteEvent('old', 7),
      putEvent('old', 8),
      deleteEvent('never seen', 9),
    ]
    stream(0).send({ events })
    await settle()
    assert.equal(summary().length, 5)
  })

  test('what the store holds is compared from time to time; agreement moves the start of the next stream', async () => {
    const world = await watching(5, 'a')
    world.stream(0).send({ events: [putEvent('a', 5), putEvent('b', 6)] })
    await settle()
    await audit(world, sample(20, 7, keyValueAt('a', 5), keyValueAt('b', 6)))
    world.stream(-1).send({ events: [deleteEvent('a', 22), putEvent('b', 23, 2, 6), putEvent('c', 24)] })
    await settle()
    assert.equal(world.members.seen.at(-1)?.message['min_mod_revision'], '5')
    await audit(world, sample(30, 7, keyValueAt('b', 23, 2, 6), keyValueAt('c', 24)))
    assert.equal(world.members.seen.at(-1)?.message['min_mod_revision'], '21')
    world.stream(-1).cut()
    await pass(world.clock, 200)
    assert.equal(world.stream(-1).startRevision, 31)
    assert.deepEqual(world.summary(), ['5:a', '6:b', '22:-a', '23:b', '24:c'])
  })

  test('a put that never came is found, and one that is only late is not missed', async () => {
    const late = await watching(5, 'a')
    late.members.reply('/v3/kv/range', sample(20, 1, keyValueAt('a', 5)))
    await pass(late.clock, auditMs + 2000, 2000)
    late.stream(-1).send({ events: [putEvent('a', 5)] })
    await pass(late.clock, patienceMs, 2000)
    assert.deepEqual(late.summary(), ['5:a'])
    const lost = await watching(5, 'a')
    await audit(lost, sample(20, 1, keyValueAt('a', 5)))
    assert.deepEqual(lost.summary(), ['compacted'])
  })

  test('a deletion that never came is found by the count', async () => {
    const world = await watching(5, 'a')
    await audit(world, sample(20, 3))
    await audit(world, sample(30, 2))
    assert.deepEqual(world.summary(), ['compacted'])
  })

  test('a store that has gone back in time is read anew', async () => {
    const told = await watching(5, 'a')
    told.stream(0).send({ events: [putEvent('a', 50)] })
    await settle()
    await audit(told, sample(40, 0))
    assert.equal(told.summary().at(-1), 'compacted')
    const sampled = await watching(5, 'a')
    await audit(sampled, sample(60, 0))
    await audit(sampled, sample(50, 0))
    assert.deepEqual(sampled.summary(), ['compacted'])
  })

  test('a watch of the future is not audited before it begins', async () => {
    const world = await watching(100, 'a')
    await audit(world, sample(20, 3))
    await audit(world, sample(120, 4, keyValueAt('a', 110)))
    assert.deepEqual(world.summary(), ['compacted'], 'the one at 110 is missing')
  })
})
