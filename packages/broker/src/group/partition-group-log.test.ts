import { deepEqual, equal, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BrokerError } from '../errors/errors.ts'
import { buildBatch } from '../record/build.ts'
import type { Partition, ReadRequest, ReadResult } from '../topic/partition.ts'
import type { Topics } from '../topic/topics.ts'
import { PartitionGroupLog } from './partition-group-log.ts'

/** Two records are in the log; one of them is known to be committed. */
class NewLeader {
  highWatermark = 1
  readonly logStartOffset = 0
  missingRecords: string | undefined = undefined
  readonly index = 0
  readonly #listeners = new Set<() => void>()

  get isSettled(): boolean {
    return this.highWatermark === 2
  }

  get listenerCount(): number {
    return this.#listeners.size
  }

  read({ offset }: ReadRequest): ReadResult {
    const key = Buffer.from(`key ${offset}`)
    const chunk = buildBatch([{ key, value: null }], { baseTimestampMs: 1 })
    chunk.writeBigInt64BE(BigInt(offset), 0)
    return { chunks: [chunk], bytes: chunk.length, release: () => undefined } as unknown as ReadResult
  }

  onAdvance(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

function world(): { leader: NewLeader; led: { partition: NewLeader | undefined }; log: PartitionGroupLog } {
  const leader = new NewLeader()
  const led: { partition: NewLeader | undefined } = { partition: leader }
  const topics = { find: () => undefined, partition: () => led.partition as unknown as Partition }
  return { leader, led, log: new PartitionGroupLog(topics as unknown as Topics, 'groups', 7) }
}

const isNotLeader = (error: unknown): boolean => error instanceof BrokerError && error.code === 'not-leader'
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('PartitionGroupLog', () => {
  it('is read by a new leader only once everything committed is known to be, or groups would go back', async () => {
    const { leader, log } = world()
    const keys: string[] = []
    const replay = log.replay(0, (key) => keys.push(Buffer.from(key).toString()))
    leader.tell()
    await settle()
    deepEqual(keys, [])
    leader.highWatermark = 2
    leader.tell()
    await replay
    deepEqual(keys, ['key 0', 'key 1'])
    equal(leader.listenerCount, 0)
  })

  it('is not read while it lacks records, or groups would go back', async () => {
    const { leader, log } = world()
    leader.highWatermark = 2
    leader.missingRecords = 'records from offset 2 to 3 are missing: a test has taken them'
    const visited: unknown[] = []
    await rejects(
      log.replay(0, (key) => visited.push(key)),
      (error) => error instanceof BrokerError && error.code === 'storage',
    )
    deepEqual(visited, [])
  })

  it('is not read any more by a broker that leads no longer', async () => {
    const { leader, led, log } = world()
    const replay = log.replay(0, () => undefined)
    led.partition = undefined
    leader.tell()
    await rejects(replay, isNotLeader)
    await rejects(log.append(0, []), isNotLeader)
    equal(leader.listenerCount, 0)
  })

  it('has the number of partitions that its topic will get', () => {
    equal(world().log.partitionCount, 7)
  })
})
