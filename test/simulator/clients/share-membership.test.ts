import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Session } from './session.ts'
import { ShareMembership } from './share-membership.ts'
import { brokerId, ScriptedBroker } from './scripted-broker.fixture.ts'

const topic = { name: 't', id: 'AAAAAAAAAAAAAAAAAAAAAQ', partitionCount: 2, cleanup: 'none', lasting: true } as const

/** Whether a member that is assigned these partitions of a topic with two takes itself to have all. */
async function hasAll(partitions: number[]): Promise<boolean> {
  const broker = new ScriptedBroker()
  broker.parts.catalogue.add({ ...topic })
  await broker.start({
    10: () => ({ coordinators: [{ key: 'g', nodeId: brokerId, host: 'broker', port: 9092, errorCode: 0 }] }),
    76: () => ({
      errorCode: 0,
      memberEpoch: 1,
      heartbeatIntervalMs: 500,
      assignment: { topicPartitions: [{ topicId: topic.id, partitions }] },
    }),
  })
  const membership = new ShareMembership(new Session(broker.parts), 'g')
  await broker.world.scheduler.complete(membership.beat())
  return membership.hasAll
}

describe('a member of a work queue of the simulator', () => {
  it('has all where a partition was added that the answer to its request never told of (seed 6000015)', async () => {
    assert.equal(await hasAll([0, 1, 2]), true)
  })

  it('has not all without one that is known, whatever else it has', async () => {
    assert.equal(await hasAll([0]), false)
    assert.equal(await hasAll([0, 2]), false)
  })
})
