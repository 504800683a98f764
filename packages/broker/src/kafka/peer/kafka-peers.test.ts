import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ErrorCode } from '../../errors/errors.ts'
import { BrokerError } from '../../errors/errors.ts'
import type { LiveBroker } from '../../image/records.ts'
import { baseOffsetOf, batchBytesOf } from '../../record/batch.ts'
import type { PeerFetchPartition, PeerFetchRequest, PeerSession, PeerAnswer } from '../../replica/peers.ts'
import { makeTestBatch } from '../testing/test-batch.ts'
import { TestBroker, testSecret } from '../testing/test-broker.ts'
import { FramePool } from '../../host/frame-memory.ts'
import { KafkaPeers } from './kafka-peers.ts'
import type { KafkaPeersOptions } from './kafka-peers.ts'
import { brokerEpoch, followerId, makeRequest, realWorld, simulatedWorld } from './peers.fixture.ts'
import type { World } from './peers.fixture.ts'

/** A leader, and a follower's session with it. */
class Pair {
  readonly world: World
  readonly broker: TestBroker
  readonly peer: LiveBroker
  received = 0
  readonly #sessions: PeerSession[] = []

  constructor(world: World, broker: TestBroker) {
    this.world = world
    this.broker = broker
    this.peer = { ...broker.addPeer({ id: 1 }), ...broker.address, host: world.leaderName }
  }

  session(given: Partial<KafkaPeersOptions> = {}, peer: LiveBroker = this.peer): PeerSession {
    const peers = new KafkaPeers({
      pool: new FramePool(1 << 20, true),
      host: this.world.follower,
      brokerId: followerId,
      secret: testSecret,
      connectTimeoutMs: 2000,
      answerGraceMs: 2000,
      batchBytesMax: 1 << 20,
      metrics: { replicationReceived: (bytes) => (this.received += bytes) },
      ...given,
    })
    const session = peers.session(peer)
    this.#sessions.push(session)
    return session
  }

  fetch(session: PeerSession, given: Partial<PeerFetchRequest> = {}) {
    return this.world.complete(partitionsOf(session.fetch(makeRequest(given))))
  }

  async refusal(session: PeerSession, given: Partial<PeerFetchRequest> = {}): Promise<ErrorCode> {
    try {
      await this.fetch(session, given)
    } catch (error) {
      if (error instanceof BrokerError) return error.code
      throw error
    }
    throw new Error('the fetch was not refused')
  }

  async makeTopic(partitionCount = 1): Promise<{ topicId: string }> {
    const { topicId } = await this.world.complete(this.broker.makeTopic('orders', partitionCount))
    for (const partition of this.broker.topics.replicas()) partition.followers = [followerId]
    return { topicId }
  }

  partition(index = 0) {
    return this.broker.topics.partition('orders', index)!
  }

  async append(value: string, index = 0): Promise<void> {
    const partition = this.partition(index)
    const { clock } = this.world.leader
    partition.append(makeTestBatch({ values: [value] }), true, -1)
    const stored = async (): Promise<void> => {
      while (partition.durableOffset < partition.logEndOffset) {
        await new Promise<void>((resolve) => clock.endOfTurn(resolve))
      }
    }
    await this.world.complete(stored())
  }

  async stop(): Promise<void> {
    for (const session of this.#sessions) session.close()
    await this.world.complete(this.broker.stop())
    for (const partition of this.broker.topics.replicas()) {
      assert.equal(partition.readsOpen, 0)
      assert.equal(partition.listenerCount, 0)
    }
    assert.deepEqual(this.broker.errors(), [])
  }
}

async function withPair(world: World, body: (pair: Pair) => Promise<void>): Promise<void> {
  const listen = { host: world.leaderName, port: 0 }
  const pair = new Pair(world, await world.complete(TestBroker.start({}, world.leader, listen)))
  try {
    await body(pair)
  } finally {
    await pair.stop()
  }
}

function wanted(topicId: string, given: Partial<PeerFetchPartition> = {}): PeerFetchPartition {
  return {
    topicId,
    index: 0,
    currentLeaderEpoch: 0,
    fetchOffset: 0,
    lastFetchedEpoch: -1,
    logStartOffset: 0,
    highWatermark: 0,
    bytesMax: 100_000,
    ...given,
  }
}

/** A follower that has the one record there is, and knows that. */
const caughtUp = { fetchOffset: 1, lastFetchedEpoch: 0, highWatermark: 1 }

/** What an answer is about; its memory is left to the garbage collector. */
async function partitionsOf(answer: Promise<PeerAnswer>): Promise<PeerAnswer['partitions']> {
  return (await answer).partitions
}

const worlds: readonly (readonly [string, () => World])[] = [
  ['over loopback', realWorld],
  ...[1, 2, 3].map((seed) => [`in the simulated world of seed ${seed}`, () => simulatedWorld(seed)] as const),
]

for (const [name, makeWorld] of worlds) {
  const pairTest = (title: string, body: (pair: Pair) => Promise<void>): void => {
    void test(title, () => withPair(makeWorld(), body))
  }

  describe(`a session with another broker ${name}`, () => {
    pairTest('brings records, says what the follower has, and goes on in small requests', async (pair) => {
      const { topicId } = await pair.makeTopic()
      await pair.append('first')
      const session = pair.session()
      const [first] = await pair.fetch(session, { changed: [wanted(topicId)] })
      assert.deepEqual(
        [first!.topicId, first!.index, first!.error, first!.diverging],
        [topicId, 0, undefined, undefined],
      )
      assert.equal(batchBytesOf(first!.records, 0), first!.records.length)
      assert.equal(pair.received, first!.records.length)
      const [second] = await pair.fetch(session, {
        changed: [wanted(topicId, { fetchOffset: 1, lastFetchedEpoch: 0 })],
      })
      assert.deepEqual([second!.highWatermark, second!.records.length], [1, 0])
      assert.deepEqual(await pair.fetch(session), [], 'no news')
      await pair.append('second')
      const waited = await pair.fetch(session, { waitMsMax: 1000 })
      assert.equal(baseOffsetOf(waited[0]!.records, 0), 1)
      const offsets = new Set(pair.partition().noted.map(({ fetchOffset }) => fetchOffset))
      assert.deepEqual([...offsets], [0, 1])
    })

    pairTest('waits for news, and no longer than asked', async (pair) => {
      const { topicId } = await pair.makeTopic()
      const session = pair.session()
      await pair.fetch(session, { changed: [wanted(topicId)] })
      const waiting = partitionsOf(session.fetch(makeRequest({ waitMsMax: 1500 })))
      await pair.append('news')
      const [news] = await pair.world.complete(waiting)
      assert.ok(news!.records.length > 0)
      assert.deepEqual(
        await pair.fetch(session, { changed: [wanted(topicId, { fetchOffset: 1, highWatermark: 1 })], waitMsMax: 20 }),
        [],
      )
    })

    pairTest('ends a wait when it is nudged, also while it dials, and goes on', async (pair) => {
      const { topicId } = await pair.makeTopic()
      const session = pair.session()
      // Far beyond the limits of a call: nothing but the nudge ends these waits.
      const waitMsMax = 600_000
      session.nudge()
      const changed = [wanted(topicId)]
      const opening = session.fetch(makeRequest({ all: () => changed, waitMsMax: 0 }))
      session.nudge()
      assert.equal((await pair.world.complete(partitionsOf(opening))).length, 1)
      for (let round = 0; round < 3; round++) {
        const waiting = partitionsOf(session.fetch(makeRequest({ waitMsMax })))
        session.nudge()
        session.nudge()
        assert.deepEqual(await pair.world.complete(waiting), [])
      }
      await pair.append('news')
      const [news] = await pair.fetch(session, { waitMsMax })
      assert.ok(news!.records.length > 0)
      const later = pair.session()
      const dialling = partitionsOf(later.fetch(makeRequest({ all: () => [wanted(topicId, caughtUp)], waitMsMax })))
      later.nudge()
      assert.equal((await pair.world.complete(dialling)).length, 1)
    })

    pairTest('follows 1,000 partitions and hears of those that have news', async (pair) => {
      const { topicId } = await pair.makeTopic(1000)
      const session = pair.session()
      const all = Array.from({ length: 1000 }, (_, index) => wanted(topicId, { index }))
      const opened = await pair.fetch(session, { all: () => all })
      assert.equal(opened.length, 1000, 'a full request is answered in full')
      for (let round = 0; round < 5; round++) {
        const index = 199 * (round + 1)
        await pair.append('news', index)
        const news = await pair.fetch(session, { waitMsMax: 1000 })
        assert.deepEqual(
          news.map((each) => [each.index, each.records.length > 0]),
          [[index, true]],
        )
        const next = await pair.fetch(session, { changed: [wanted(topicId, { index, fetchOffset: 1 })] })
        assert.deepEqual(
          next.map((each) => [each.index, each.highWatermark]),
          [[index, 1]],
        )
      }
      assert.equal(pair.partition(199).noted.at(-1)!.fetchOffset, 1)
      assert.ok(pair.partition(500).noted.length >= 1)
      await pair.append('unheard', 3)
      assert.deepEqual(await pair.fetch(session, { removed: [{ topicId, index: 3 }] }), [])
    })

    pairTest('learns where the logs part, and of every other trouble by partition', async (pair) => {
      const { topicId } = await pair.makeTopic(3)
      await pair.append('a')
      await pair.append('b')
      pair.partition().startEpoch(4)
      pair.partition(1).logStartOffset = 0
      pair.broker.topics.moveAway('orders', 2, 3)
      const unknown = 'AAAAAAAAAAAAAAAAAAAAAQ'
      const news = await pair.fetch(pair.session(), {
        changed: [
          wanted(topicId, { currentLeaderEpoch: 4, fetchOffset: 5, lastFetchedEpoch: 2 }),
          wanted(topicId, { index: 1, fetchOffset: 9 }),
          wanted(topicId, { index: 2 }),
          wanted(unknown),
        ],
      })
      assert.deepEqual(
        news.map(({ index, error, diverging, logStartOffset }) => [index, error, diverging, logStartOffset]),
        [
          [0, undefined, { epoch: 0, endOffset: 2 }, 0],
          [1, 'offset-out-of-range', undefined, 0],
          [2, 'not-leader', undefined, -1],
          [0, 'unknown-topic-id', undefined, -1],
        ],
      )
    })

    pairTest('is refused without the secret, and to another broker than the one that was meant', async (pair) => {
      const { topicId } = await pair.makeTopic()
      const changed = [wanted(topicId)]
      assert.equal(await pair.refusal(pair.session({ secret: '00'.repeat(32) }), { changed }), 'authentication-failed')
      assert.equal(await pair.refusal(pair.session({}, { ...pair.peer, id: 9 }), { changed }), 'authentication-failed')
      assert.equal(await pair.refusal(pair.session({ brokerId: 5 }), { changed }), 'authentication-failed')
      assert.deepEqual(pair.partition().noted, [])
    })

    pairTest('starts anew under a new broker epoch', async (pair) => {
      const { topicId } = await pair.makeTopic()
      const session = pair.session()
      const all = () => [wanted(topicId)]
      await pair.fetch(session, { all })
      await pair.fetch(session, { all, replicaEpoch: brokerEpoch + 1 })
      assert.deepEqual(
        pair.partition().noted.map(({ replicaEpoch }) => replicaEpoch),
        [brokerEpoch, brokerEpoch + 1],
      )
    })

    pairTest('goes on, all told anew, when the leader has forgotten the session', async (pair) => {
      const { topicId } = await pair.makeTopic()
      const session = pair.session()
      const all = () => [wanted(topicId)]
      await pair.fetch(session, { all })
      pair.broker.forgetSessions()
      await pair.append('a')
      const [news] = await pair.fetch(session, { all })
      assert.ok(news!.records.length > 0)
    })

    pairTest('starts anew after the broker was away', async (pair) => {
      const { topicId } = await pair.makeTopic()
      const session = pair.session()
      const all = () => [wanted(topicId)]
      await pair.fetch(session, { all })
      const waiting = partitionsOf(session.fetch(makeRequest({ waitMsMax: 1000, all })))
      const rejected = assert.rejects(waiting, { code: 'broker-unreachable' })
      pair.broker.cutConnections()
      await pair.world.complete(rejected)
      await pair.append('a')
      const [news] = await pair.fetch(session, { all })
      assert.ok(news!.records.length > 0)
    })

    pairTest('a call under way is rejected when the session is closed, and so are later ones', async (pair) => {
      const { topicId } = await pair.makeTopic()
      const session = pair.session()
      const all = () => [wanted(topicId)]
      await pair.fetch(session, { all })
      const waiting = partitionsOf(session.fetch(makeRequest({ waitMsMax: 1000, all })))
      session.close()
      await assert.rejects(waiting, { code: 'stopping' })
      assert.equal(await pair.refusal(session, { all }), 'stopping')
      const dialling = pair.session()
      const early = dialling.fetch(makeRequest({ all }))
      dialling.close()
      await assert.rejects(early, { code: 'stopping' })
    })
  })
}
