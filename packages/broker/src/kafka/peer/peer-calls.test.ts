import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { LiveBroker } from '../../image/records.ts'
import { FramePool } from '../../host/frame-memory.ts'
import { createNodeHost } from '../../host/node/node-host.ts'
import { TestBroker, testSecret } from '../testing/test-broker.ts'
import { KafkaPeers } from './kafka-peers.ts'
import type { PeerCalls } from './peer-calls.ts'
import { PeerQueueStore } from './peer-queue-store.ts'

const selfId = 2
const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ'

describe('calls to other brokers', () => {
  let broker: TestBroker
  let calls: PeerCalls
  let peer: LiveBroker
  const brokers = new Map<number, LiveBroker>()

  beforeEach(async () => {
    broker = await TestBroker.start()
    peer = { ...broker.addPeer({ id: 1 }), ...broker.address }
    brokers.set(selfId, broker.addPeer({ id: selfId }))
    const peers = new KafkaPeers({
      pool: new FramePool(1 << 20, true),
      host: createNodeHost(),
      brokerId: selfId,
      secret: testSecret,
      connectTimeoutMs: 10_000,
      answerGraceMs: 10_000,
      batchBytesMax: 1 << 20,
      metrics: { replicationReceived: () => undefined },
    })
    calls = peers.calls(brokers)
  })
  afterEach(async () => {
    calls.close()
    await broker.stop()
    assert.deepEqual(broker.errors(), [])
  })

  function id(index: number) {
    return { groupId: 'g', topicId, index }
  }

  test('the progress of queues is kept there as it would be here', async () => {
    const store = new PeerQueueStore(calls, peer)
    assert.equal(await store.read(id(0), 3), undefined)
    assert.equal(await store.summary(id(0)), undefined)
    await store.initialize(id(0), 2, -1)
    const ranges = [{ firstOffset: 7, lastOffset: 9, state: 'archived' as const, deliveryCount: 5 }]
    await store.read(id(0), 3)
    await store.write(id(0), { stateEpoch: 2, leaderEpoch: 3, startOffset: 4, settledCount: 3, ranges })
    assert.deepEqual(await store.read(id(0), 4), { stateEpoch: 2, leaderEpoch: 4, startOffset: 4, ranges })
    const summary = { stateEpoch: 2, leaderEpoch: 4, startOffset: 4, settledCount: 3 }
    assert.deepEqual(await store.summary(id(0)), summary)
    const older = { stateEpoch: 2, leaderEpoch: 3, startOffset: 5, settledCount: 0, ranges: [] }
    await assert.rejects(store.write(id(0), older), { code: 'fenced-leader-epoch' })
    await assert.rejects(store.write(id(0), { ...older, stateEpoch: 1, leaderEpoch: 4 }), {
      code: 'fenced-state-epoch',
    })
    await store.delete(id(0))
    assert.equal(await store.summary(id(0)), undefined)
  })

  test('more of them at a time than there are connections are all answered', async () => {
    const store = new PeerQueueStore(calls, peer)
    const all = Array.from({ length: 30 }, (_, index) => store.initialize(id(index), 0, index))
    await Promise.all(all)
    const found = await Promise.all(Array.from({ length: 30 }, (_, index) => store.summary(id(index))))
    assert.deepEqual(
      found.map((summary) => summary?.startOffset),
      Array.from({ length: 30 }, (_, index) => index),
    )
    assert.equal(broker.queueStates.queueCount, 30)
  })

  test('a broker that is not there, one that has come back, and a registration of our own that has ended', async () => {
    const store = new PeerQueueStore(calls, peer)
    await store.initialize(id(0), 0, 0)
    const gone = new PeerQueueStore(calls, { ...peer, epoch: peer.epoch + 1, port: 1 })
    await assert.rejects(gone.summary(id(0)), { code: 'broker-unreachable' })
    const back = new PeerQueueStore(calls, { ...peer, epoch: peer.epoch + 2 })
    assert.equal((await back.summary(id(0)))?.startOffset, 0)
    brokers.clear()
    await assert.rejects(back.summary(id(0)), { code: 'broker-unreachable' })
  })

  test('there are none after the end', async () => {
    const store = new PeerQueueStore(calls, peer)
    await store.initialize(id(0), 0, 0)
    calls.close()
    await assert.rejects(store.summary(id(0)), { code: 'stopping' })
  })
})
