import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClientError } from '../client-error.ts'
import type { ReceivedRecord } from '../records/record.ts'
import { producing } from '../testing/producing.ts'
import { makeQueueWorld } from '../testing/queue-world.ts'
import { deferred } from '../waiting.ts'
import type { QueueMessage } from './queue-message.ts'

const value = (text: string, more: object = {}) => ({ value: text, ...more })

describe('a push consumer', () => {
  it('accepts what its handler returns from, tries again what it throws at, and gives up at the limit', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, environment } = world
    const seen: string[] = []
    const errors: unknown[] = []
    queue.add(value('good'), value('bad'))
    const consumer = await client
      .consumer('g')
      .topic('t')
      .retry({ attempts: 3, initialMs: 100, maxMs: 100 })
      .deadLetter('dead')
      .onError((error) => errors.push(error))
      .start((message) => {
        seen.push(`${String(message.value)}${message.deliveryCount}`)
        if (String(message.value) === 'bad') throw new Error('cannot')
      })
    await environment.until(() => consumer.counts.accepted + consumer.counts.rejected === 2)
    assert.deepEqual(queue.states(), ['accepted1', 'rejected3'])
    assert.deepEqual(seen.toSorted(), ['bad1', 'bad2', 'bad3', 'good1'])
    assert.equal(errors.length, 3)
    assert.match(queue.said.find((said) => said.startsWith('release 1'))!, /^release 1 after (5\d|[6-9]\d|100)$/)
    const { accepted, retried, rejected } = consumer.counts
    assert.deepEqual({ accepted, retried, rejected }, { accepted: 1, retried: 2, rejected: 1 })
    assert.deepEqual(Object.fromEntries(queue.settings), {
      'share.auto.offset.reset': 'earliest',
      'share.delivery.count.limit': '3',
      'polylog.retry.backoff.ms': '100',
      'polylog.retry.backoff.max.ms': '100',
      'polylog.dead.letter.topic': 'dead',
    })
  })

  it('renews the lock and stays a member while a handler works for ten minutes', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, environment, passing } = world
    queue.add(value('long'))
    const work = deferred<void>()
    let began = 0
    await client
      .consumer('g')
      .topic('t')
      .start(async () => {
        began++
        await work.promise
      })
    await environment.until(() => began === 1)
    const endMs = environment.nowMs() + 600_000
    await environment.until(() => environment.nowMs() >= endMs, 500)
    work.resolve()
    await environment.until(() => queue.states()[0]!.startsWith('accepted'))
    assert.deepEqual(queue.states(), ['accepted1'])
    assert.equal(began, 1)
    assert.ok(queue.said.filter((said) => said === 'renew 0').length >= 20)
    assert.equal(queue.members.size, 1)
    await passing(client.close())
    assert.equal(queue.members.size, 0)
  })

  it('holds no more than there is room for, and runs as many handlers as it may', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, environment } = world
    queue.add(...Array.from({ length: 50 }, (_, i) => value(String(i))))
    const working: (() => void)[] = []
    let most = 0
    await client
      .consumer('g')
      .topic('t')
      .concurrency(3)
      .prefetch(6)
      .start(() => new Promise<void>((resolve) => (most = Math.max(most, working.push(resolve)))))
    await environment.until(() => working.length === 3)
    await environment.advance(2000)
    assert.equal(queue.entries.filter(({ state }) => state === 'acquired').length, 6)
    await environment.until(() => {
      working.shift()?.()
      return queue.entries.every(({ state }) => state === 'accepted')
    })
    assert.equal(most, 3)
  })

  it('closing lets handlers finish, gives back what was not begun, and leaves', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, environment, passing } = world
    queue.add(value('a'), value('b'))
    const work = deferred<void>()
    let began = 0
    const consumer = await client
      .consumer('g')
      .topic('t')
      .start(async () => {
        began++
        await work.promise
      })
    await environment.until(() => began === 1 && queue.states()[1] === 'acquired1')
    const closing = consumer.close({ timeoutMs: 60_000 })
    await environment.advance(1000)
    work.resolve()
    await passing(closing)
    assert.deepEqual(queue.states(), ['accepted1', 'ready1'])
    assert.equal(queue.members.size, 0)
  })

  it('closing gives up a handler that never ends: its signal is aborted, its message given back', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, environment, passing } = world
    queue.add(value('a'))
    let held: QueueMessage<Buffer | null> | undefined
    const consumer = await client
      .consumer('g')
      .topic('t')
      .start((message) => {
        held = message
        return new Promise(() => undefined)
      })
    await environment.until(() => held !== undefined)
    await passing(consumer.close({ timeoutMs: 5000 }))
    assert.equal(held!.signal.aborted, true)
    assert.deepEqual(queue.states(), ['ready1'])
    const isLost = (error: unknown): boolean => error instanceof ClientError && error.code === 'lock-lost'
    await assert.rejects(held!.accept(), isLost)
  })

  it('opens a new session when the broker has lost the old one, and does every message at least once', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, environment, fake } = world
    const seen = new Set<string>()
    queue.add(...Array.from({ length: 20 }, (_, i) => value(String(i))))
    await client
      .consumer('g')
      .topic('t')
      .start((message) => {
        seen.add(String(message.value))
        if (seen.size === 5) queue.dropSession()
        if (seen.size === 10) {
          queue.dropSession()
          fake.disconnect()
        }
        if (seen.size === 15) queue.members.clear()
      })
    await environment.until(() => queue.entries.every(({ state }) => state === 'accepted'))
    assert.equal(seen.size, 20)
    await environment.until(() => queue.members.size === 1)
  })

  it('joins again, with nobody called, when its group was deleted while it could not be heard', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, environment } = world
    const errors: unknown[] = []
    let seen = 0
    await client
      .consumer('g')
      .topic('t')
      .onError((error) => errors.push(error))
      .start(() => {
        seen++
      })
    queue.members.clear()
    queue.refusals.set(76, [69])
    await environment.until(() => queue.members.size === 1)
    queue.add(value('after'))
    await environment.until(() => seen === 1)
    assert.deepEqual(errors, [])
  })

  it('a lost lock aborts the signal of the message', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, environment } = world
    queue.add(value('a'))
    const messages: QueueMessage<Buffer | null>[] = []
    await client
      .consumer('g')
      .topic('t')
      .start((message) => {
        messages.push(message)
        return messages.length === 1 ? new Promise(() => undefined) : undefined
      })
    await environment.until(() => messages.length === 1)
    queue.dropSession()
    await environment.until(() => messages[0]!.signal.aborted, 500)
    assert.equal((messages[0]!.signal.reason as ClientError).code, 'lock-lost')
  })

  it('ordered: one of a key at a time, in order, also when one fails; other keys go on', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, environment } = world
    const keys = ['a', 'b', 'a', 'b', 'a', 'c']
    queue.add(...keys.map((key, i) => value(`${key}${i}`, { key })))
    const running = new Map<string, number>()
    const done: string[] = []
    let failures = 0
    await client
      .consumer('g')
      .topic('t')
      .concurrency(4)
      .prefetch(10)
      .retry({ attempts: 4, initialMs: 1000, maxMs: 1000 })
      .ordered()
      .start(async (message) => {
        const key = String(message.key)
        assert.equal(running.get(key) ?? 0, 0)
        running.set(key, 1)
        await new Promise((resolve) => setImmediate(resolve))
        running.set(key, 0)
        if (String(message.value) === 'a2' && failures++ < 2) throw new Error('again')
        done.push(String(message.value))
      })
    await environment.until(() => queue.entries.every(({ state }) => state === 'accepted'))
    const of = (key: string): string[] => done.filter((entry) => entry.startsWith(key))
    assert.deepEqual([of('a'), of('b'), of('c')], [['a0', 'a2', 'a4'], ['b1', 'b3'], ['c5']])
    assert.ok(done.indexOf('c5') < done.indexOf('a2'))
    assert.equal(queue.entries[2]!.deliveryCount, 1)
  })

  it('does what a broker of Kafka cannot: filters by tag, waits before a retry, keeps dead letters', async () => {
    const dead: ReceivedRecord[] = []
    await using world = await makeQueueWorld(producing(dead))
    const { queue, client, environment } = world
    queue.known = ['share.auto.offset.reset']
    const tagged = (text: string, tags: string) => value(text, { headers: [{ key: 'polylog-tags', value: tags }] })
    queue.add(tagged('paid', 'new,paid'), tagged('open', 'open'), value('untagged'))
    const times: number[] = []
    const consumer = await client
      .consumer('g')
      .topic('t')
      .tags('paid')
      .retry({ attempts: 2, initialMs: 60_000, maxMs: 60_000 })
      .deadLetter('dead')
      .start(() => {
        times.push(environment.nowMs())
        throw new Error('no')
      })
    await environment.until(() => queue.states()[0] === 'rejected2', 500)
    assert.ok(times[1]! - times[0]! >= 30_000)
    assert.equal(consumer.counts.filtered, 2)
    assert.deepEqual(
      dead.map((letter) => String(letter.value)),
      ['paid'],
    )
    assert.deepEqual(queue.states().slice(1), ['accepted1', 'accepted1'])
  })

  it('a dead letter that is refused is sent again, and the message held until it is stored', async () => {
    const dead: ReceivedRecord[] = []
    const refusals = Array.from({ length: 5 }, () => 29)
    await using world = await makeQueueWorld(producing(dead, refusals))
    const { queue, client, environment, passing } = world
    queue.known = ['share.auto.offset.reset']
    queue.add(value('bad'))
    const errors: string[] = []
    const options = { group: 'g', topic: 't', deadLetter: 'dead', retry: { attempts: 1 } }
    const consumer = await client.consume(
      { ...options, onError: (error) => errors.push(error instanceof ClientError ? error.errorName : String(error)) },
      () => Promise.reject(new Error('no')),
    )
    await environment.until(() => queue.states()[0] === 'rejected1')
    assert.equal(String(dead[0]!.value), 'bad')
    const refused = (): number => errors.filter((name) => name === 'TOPIC_AUTHORIZATION_FAILED').length
    assert.equal(refused(), 5)
    refusals.push(...Array.from({ length: 1000 }, () => 29))
    queue.add(value('worse'))
    await environment.until(() => refused() >= 5 + 3)
    assert.equal(queue.states()[1], 'acquired1')
    // Closing does not wait for what may never be: another consumer has it then.
    await passing(consumer.close())
    assert.equal(queue.states()[1], 'ready1')
  })

  it('does not hand out what is too old, and says so', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, environment } = world
    const ttl = { headers: [{ key: 'polylog-ttl-ms', value: '1000' }] }
    const nowMs = environment.nowMs()
    queue.add(value('old', { ...ttl, timestampMs: nowMs - 2000 }), value('new', { ...ttl, timestampMs: nowMs }))
    const seen: string[] = []
    const consumer = await client
      .consumer('g')
      .topic('t')
      .start((message) => void seen.push(String(message.value)))
    await environment.until(() => queue.entries.every(({ state }) => state !== 'ready' && state !== 'acquired'))
    assert.deepEqual(seen, ['new'])
    assert.deepEqual(queue.states(), ['rejected1', 'accepted1'])
    assert.equal(consumer.counts.expired, 1)
  })

  it('says why it cannot start, and leaves nothing behind', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, passing } = world
    const starting = (topic: string) =>
      client
        .consumer('g')
        .topic(topic)
        .start(() => undefined)
    await assert.rejects(passing(starting('missing')), /there is no topic "missing"/)
    queue.refusals.set(76, [30])
    await assert.rejects(passing(starting('t')), /GROUP_AUTHORIZATION_FAILED/)
    assert.equal(queue.members.size, 0)
  })
})

describe('a batch consumer', () => {
  it('hands over many at a time, a few when no more come, and retries those that the handler did not settle', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, environment } = world
    queue.add(...Array.from({ length: 25 }, (_, i) => value(String(i))))
    const sizes: number[] = []
    let failed = false
    await client
      .consumer('g')
      .topic('t')
      .retry({ initialMs: 10, maxMs: 10 })
      .batch({ max: 10, waitMs: 20 })
      .start(async (messages) => {
        sizes.push(messages.length)
        if (failed) return
        failed = true
        await messages[0]!.accept()
        throw new Error('the rest again')
      })
    await environment.until(() => queue.entries.every(({ state }) => state === 'accepted'))
    assert.equal(sizes[0], 10)
    assert.equal(
      sizes.reduce((sum, size) => sum + size, 0),
      34,
    )
  })
})

describe('a pull consumer', () => {
  it('returns what there is, at most so many, none when the wait is over, and settles by hand', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, passing } = world
    queue.add(...['a', 'b', 'c'].map((text) => value(text)))
    const consumer = await passing(client.consumer('g').topic('t').open())
    const first = await passing(consumer.pull({ max: 2, waitMs: 1000 }))
    assert.deepEqual(
      first.map((message) => String(message.value)),
      ['a', 'b'],
    )
    await passing(Promise.all([first[0]!.accept(), first[1]!.reject()]))
    const second = await passing(consumer.pull({ max: 2, waitMs: 1000 }))
    assert.equal(second.length, 1)
    assert.deepEqual(await passing(consumer.pull({ waitMs: 1000 })), [])
    for (const delayMs of [-1, Number.NaN, 2 ** 31]) {
      await assert.rejects(second[0]!.retry({ delayMs }), { code: 'invalid-options' })
    }
    await passing(second[0]!.retry({ delayMs: 0 }))
    const again = await passing(consumer.pull({ waitMs: 1000 }))
    assert.equal(again[0]!.deliveryCount, 2)
    await passing(consumer.close())
    assert.deepEqual(queue.states(), ['accepted1', 'rejected1', 'ready2'])
  })

  it('is iterated over, stops at a signal, and ends when it is closed', async () => {
    await using world = await makeQueueWorld()
    const { queue, client, passing, environment } = world
    queue.add(...['a', 'b', 'c'].map((text) => value(text)))
    const consumer = await passing(client.consumer('g').topic('t').open())
    const seen: string[] = []
    const iterating = (async () => {
      for await (const message of consumer) {
        seen.push(String(message.value))
        await message.accept()
      }
    })()
    await environment.until(() => seen.length === 3)
    await passing(consumer.close())
    await passing(iterating)
    const stopped = AbortSignal.abort(new Error('enough'))
    await assert.rejects(consumer.pull({ signal: stopped }), /aborted/)
    await assert.rejects(consumer.pull(), /closed/)
  })
})
