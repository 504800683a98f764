import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Client } from '../client.ts'
import { ClientError } from '../client-error.ts'
import { systemEnvironment } from '../environment.ts'
import { ControlledEnvironment } from '../testing/controlled-environment.ts'
import type { QueueWorld } from '../testing/queue-world.ts'
import { makeQueueWorld } from '../testing/queue-world.ts'
import { deferred } from '../waiting.ts'
import type { DeduplicationOptions, DeduplicationStore } from './deduplication-options.ts'
import { MemoryStore } from './memory-store.ts'

const withId = (id: string, value = id, header = 'polylog-id') => ({ value, headers: [{ key: header, value: id }] })

async function handled({ environment, queue }: QueueWorld): Promise<void> {
  await environment.until(() => queue.entries.every(({ state }) => state === 'accepted' || state === 'rejected'))
}

/** A consumer of a world's queue that notes what its handler is called with. */
async function noting({ client }: QueueWorld, deduplication: DeduplicationOptions, seen: string[]) {
  return client
    .consumer('g')
    .topic('t')
    .deduplication(deduplication)
    .start((message) => void seen.push(String(message.value)))
}

/** Remembers for ever, and notes what it is asked. */
function notingStore(said: string[], marked = new Set<string>()): DeduplicationStore {
  return {
    async seen({ group, topic, id }) {
      said.push(`seen ${group} ${topic} ${id}`)
      return marked.has(id)
    },
    async mark({ id }, windowMs) {
      said.push(`mark ${id} ${windowMs}`)
      marked.add(id)
    },
  }
}

describe('de-duplication', () => {
  it('takes repeats of an id as done within the window, and no others', async () => {
    await using world = await makeQueueWorld()
    const { queue, environment } = world
    const seen: string[] = []
    const consumer = await noting(world, { windowMs: 60_000 }, seen)
    queue.add(withId('a'), withId('b'), { value: 'none' }, { value: 'none' }, withId('', 'empty'), withId('', 'empty'))
    await handled(world)
    await environment.advance(30_000)
    queue.add(withId('a', 'a again'), withId('b', 'b again'), withId('c'))
    await handled(world)
    assert.deepEqual(seen, ['a', 'b', 'none', 'none', 'empty', 'empty', 'c'])
    assert.equal(consumer.counts.repeated, 2)
    await environment.until(() => consumer.counts.accepted === 7)
    await environment.advance(30_001)
    queue.add(withId('a', 'a after the window'), withId('c', 'c again'))
    await handled(world)
    assert.deepEqual(seen.slice(7), ['a after the window'])
  })

  it('reads the id from the header that it is told', async () => {
    await using world = await makeQueueWorld()
    const seen: string[] = []
    await noting(world, { windowMs: 1000, header: 'ce_id' }, seen)
    const long = 'x'.repeat(5000)
    world.queue.add(withId('1', 'a', 'ce_id'), withId('1', 'b', 'ce_id'), withId('2', 'c'), withId('2', 'd'))
    world.queue.add(
      withId(`${long}1`, 'e', 'ce_id'),
      withId(`${long}1`, 'f', 'ce_id'),
      withId(`${long}2`, 'g', 'ce_id'),
    )
    await handled(world)
    assert.deepEqual(seen, ['a', 'c', 'd', 'e', 'g'])
  })

  it('does not count what failed or was rejected: it comes again, and may be sent again', async () => {
    await using world = await makeQueueWorld()
    const { queue, client } = world
    const seen: string[] = []
    await client
      .consumer('g')
      .topic('t')
      .retry({ attempts: 2, initialMs: 10 })
      .deduplication({ windowMs: 1e9 })
      .start((message) => {
        const text = `${String(message.value)}${message.deliveryCount}`
        seen.push(text)
        if (text === 'late1' || text.startsWith('broken')) throw new Error(text)
      })
    queue.add(withId('1', 'late'), withId('2', 'broken'))
    await handled(world)
    queue.add(withId('1', 'late again'), withId('2', 'mended'))
    await handled(world)
    assert.deepEqual(seen.toSorted(), ['broken1', 'broken2', 'late1', 'late2', 'mended1'])
    assert.deepEqual(queue.states(), ['accepted2', 'rejected2', 'accepted1', 'accepted1'])
  })

  it('of two that are here at once the second waits for the first, and is handled if that one fails', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, environment } = world
    const ends: ReturnType<typeof deferred<void>>[] = []
    const consumer = await client
      .consumer('g')
      .topic('t')
      .concurrency(4)
      .retry({ attempts: 5, initialMs: 100, maxMs: 100 })
      .deduplication({ windowMs: 1000 })
      .start(() => {
        const end = deferred<void>()
        ends.push(end)
        return end.promise
      })
    queue.add(withId('1', 'first'), withId('1', 'second'), withId('2', 'other'))
    await environment.until(() => ends.length === 2)
    await environment.advance(50_000)
    assert.deepEqual(queue.states(), ['acquired1', 'acquired1', 'acquired1'])
    ends[0]!.reject(new Error('fails'))
    ends[1]!.resolve()
    await environment.until(() => ends.length === 3)
    await environment.advance(1000)
    assert.equal(ends.length, 3)
    ends[2]!.resolve()
    await handled(world)
    assert.deepEqual(queue.states().toSorted(), ['accepted1', 'accepted2', 'accepted2'])
    assert.equal(consumer.counts.repeated, 1)
  })

  it('a message whose lock was lost is not handled again beside its handler, which was slow', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, environment } = world
    const work = deferred<void>()
    let calls = 0
    await client
      .consumer('g')
      .topic('t')
      .concurrency(2)
      .deduplication({ windowMs: 1000 })
      .start(() => {
        calls++
        return work.promise
      })
    queue.add(withId('a'))
    await environment.until(() => calls === 1)
    queue.dropSession()
    await environment.until(() => queue.states()[0] === 'acquired2', 500)
    work.resolve()
    await handled(world)
    assert.equal(calls, 1)
  })

  it('batches have no repeats; those of one batch become what the first becomes', async () => {
    await using world = await makeQueueWorld()
    const { queue, client } = world
    const batches: string[][] = []
    const consumer = await client
      .consumer('g')
      .topic('t')
      .retry({ attempts: 5, initialMs: 10 })
      .deduplication({ windowMs: 1000 })
      .batch({ max: 4, waitMs: 20 })
      .start((messages) => {
        batches.push(messages.map(({ value }) => String(value)))
        if (batches.length === 1) throw new Error('the first batch fails')
      })
    queue.add(withId('1', 'a'), withId('1', 'b'), withId('2', 'c'), withId('2', 'd'))
    await handled(world)
    assert.deepEqual(batches[0], ['a', 'c'])
    assert.equal(batches.slice(1).flat().length, 2)
    assert.equal(consumer.counts.repeated, 2)
  })

  it('a pull has no repeats of what was accepted', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, passing, environment } = world
    const options = { group: 'g', topic: 't', deduplication: { windowMs: 1000 } }
    const consumer = await client.openQueue(options)
    queue.add(withId('1', 'a'), withId('1', 'b'), withId('2', 'c'))
    const messages = await passing(consumer.pull())
    assert.deepEqual(
      messages.map(({ value }) => String(value)),
      ['a', 'c'],
    )
    await passing(messages[0]!.accept())
    await environment.until(() => queue.states()[1] === 'accepted1')
    // Lost while the application has it, and given up there: it comes again.
    queue.dropSession()
    const again = await passing(consumer.pull())
    assert.deepEqual([String(again[0]!.value), again[0]!.deliveryCount], ['c', 2])
    await passing(again[0]!.accept())
    assert.equal(consumer.counts.repeated, 1)
  })
})

/** As query builders answer. */
function thenable<T>(value: T): PromiseLike<T> {
  const promise = Promise.resolve(value)
  // oxlint-disable-next-line unicorn/no-thenable
  return { then: (...args) => promise.then(...args) }
}

describe('a store for de-duplication', () => {
  it('is asked before the handler and told after it, before the group is', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, environment } = world
    const { said } = queue
    await client.consume({ group: 'g', topic: 't', deduplication: { windowMs: 5, store: notingStore(said) } }, () => {
      said.push('handler')
    })
    queue.add(withId('a'))
    await handled(world)
    queue.add(withId('a'))
    await environment.until(() => queue.states()[1] === 'accepted1')
    const asked = 'seen g t a'
    assert.deepEqual(said, [asked, 'handler', 'mark a 5', 'accept 0', asked, 'accept 1'])
  })

  it('makes the window hold over members', async () => {
    const marked = new Set<string>()
    const seen: string[] = []
    for (const [first, again] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      await using world = await makeQueueWorld()
      await noting(world, { windowMs: 1000, store: notingStore([], marked) }, seen)
      world.queue.add(withId(first), withId(again))
      await handled(world)
    }
    assert.deepEqual(seen, ['a', 'b'])
  })

  it('lets messages pass while it fails or says nothing, and that is told', async () => {
    await using world = await makeQueueWorld()
    const { queue, client } = world
    const errors: unknown[] = []
    const seen: string[] = []
    const broken = new Error('no connection')
    const store: DeduplicationStore = {
      seen: ({ id }) => (id === 'silent' ? new Promise<boolean>(() => undefined) : Promise.reject(broken)),
      mark() {
        throw broken
      },
    }
    await client
      .consumer('g')
      .topic('t')
      .deduplication({ windowMs: 1000, store })
      .onError((error) => errors.push(error))
      .start((message) => void seen.push(String(message.value)))
    queue.add(withId('a'), withId('a'), withId('silent'))
    await handled(world)
    assert.deepEqual([seen.length, seen.at(-1)], [3, 'silent'])
    assert.equal(errors.filter((error) => error === broken).length, 5)
    const late = errors.find((error) => error instanceof ClientError)
    assert.match(String(late), /did not answer within 5000 ms/)
  })

  it('may answer with what is like a promise, and is told of an answer that is neither true nor false', async () => {
    await using world = await makeQueueWorld()
    const { queue, client } = world
    const errors: string[] = []
    const handledValues: string[] = []
    const answers: Record<string, unknown> = { known: thenable(true), number: 1 }
    const store: DeduplicationStore = { seen: ({ id }) => answers[id] as boolean, mark: () => undefined }
    await client
      .consumer('g')
      .topic('t')
      .deduplication({ windowMs: 1000, store })
      .onError((error) => errors.push(String(error)))
      .start((message) => void handledValues.push(message.id!))
    queue.add(withId('known'), withId('number'), withId('nothing'))
    await handled(world)
    assert.deepEqual(handledValues.toSorted(), ['nothing', 'number'])
    assert.equal(errors.length, 2)
    assert.match(errors.join(), /"seen" of the store .* says true or false, not 1.*not undefined/)
  })

  it('is waited for when the consumer is closed', async () => {
    await using world = await makeQueueWorld()
    const { queue, environment, passing, client } = world
    const marking = deferred<void>()
    let asked = false
    const store: DeduplicationStore = {
      seen: () => false,
      mark: () => {
        asked = true
        return marking.promise
      },
    }
    const consumer = await client.consume(
      { group: 'g', topic: 't', deduplication: { windowMs: 5, store } },
      () => undefined,
    )
    queue.add(withId('a'))
    await environment.until(() => asked)
    const closing = consumer.close()
    await environment.advance(100)
    marking.resolve()
    await passing(closing)
    assert.deepEqual(queue.states(), ['accepted1'])
  })
})

describe('the memory of ids', () => {
  it('keeps the newest, up to a number and for their time', async () => {
    const environment = new ControlledEnvironment()
    const store = new MemoryStore(3, environment)
    const key = (id: string) => ({ group: 'g', topic: 't', id })
    const known = (): string => ['a', 'b', 'c', 'd', 'e'].filter((id) => store.seen(key(id))).join('')
    for (const id of ['a', 'b', 'c', 'a', 'd']) store.mark(key(id), 1000)
    assert.equal(known(), 'acd')
    assert.equal(store.seen({ ...key('a'), topic: 'other' }), false)
    await environment.advance(999)
    assert.equal(known(), 'acd')
    await environment.advance(1)
    assert.equal(known(), '')
    store.mark(key('e'), 1000)
    assert.deepEqual([known(), store.size], ['e', 1])
  })
})

describe('options of de-duplication', () => {
  it('that make no sense are refused', async () => {
    const client = new Client(systemEnvironment, { brokers: '127.0.0.1:1', check: false })
    const store = notingStore([])
    for (const [deduplication, pattern] of [
      [{}, /"windowMs" is missing/],
      [{ windowMs: 0 }, /"windowMs" of a deduplication is a whole number/],
      [{ windowMs: -1 }, /"windowMs" of a deduplication is a whole number/],
      [{ windowMs: 1, entriesMax: 0 }, /1 or more/],
      [{ windowMs: 1, header: '' }, /"header" is a name/],
      [{ windowMs: 1, entriesMax: 5, store }, /contradict/],
      [{ windowMs: 1, store: { seen: store.seen } }, /"seen" and "mark"/],
      [{ windowMs: 1, sizeMax: 5 }, /no option "sizeMax"/],
    ] as [DeduplicationOptions, RegExp][]) {
      const options = { group: 'g', topic: 't', deduplication }
      const isRefused = (error: unknown): boolean =>
        error instanceof ClientError && error.code === 'invalid-options' && pattern.test(error.message)
      await assert.rejects(client.openQueue(options), isRefused)
      await assert.rejects(
        client.subscribe(options, () => undefined),
        isRefused,
      )
    }
    await client.close({ timeoutMs: 0 })
  })
})
