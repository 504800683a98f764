import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Cluster } from './cluster.ts'
import { ClientError } from './client-error.ts'
import { Fetcher } from './fetcher.ts'
import { encodeBatch } from './records/batch.ts'
import { FakeBroker } from './testing/fake-broker.ts'
import type { Script } from './testing/fake-broker.ts'

const notLeader = 6
const topicAuthorizationFailed = 29

/** What is wrong with partition 1 until it is mended. */
interface Trouble {
  errorCode: number
  records: Buffer | null
}

/** Partition 0 has a record at each offset; partition 1 is in trouble. */
function scriptOf(trouble: () => Trouble | undefined): Script {
  const healthy = (offset: number, name: string) => {
    const batch = encodeBatch([{ key: null, value: Buffer.from(`${name}${offset}`), headers: [] }], 'none', 1)
    batch.writeBigInt64BE(BigInt(offset), 0)
    return { errorCode: 0, highWatermark: offset + 1, records: batch }
  }
  return {
    1: ({ topics }) => ({
      errorCode: 0,
      responses: topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map(({ partition, fetchOffset }) => {
          const offset = Number(fetchOffset)
          const wrong = partition === 1 ? trouble() : undefined
          const data =
            wrong === undefined ? healthy(offset, partition === 0 ? 'a' : 'b') : { ...wrong, highWatermark: -1 }
          return { partitionIndex: partition, ...data }
        }),
      })),
    }),
  }
}

/** Polls so often; returns the values read of each partition, and the errors told. */
async function read(fetcher: Fetcher, count: number): Promise<{ values: string[][]; errors: unknown[] }> {
  const values: string[][] = [[], []]
  const errors: unknown[] = []
  for (let i = 0; i < count; i++) {
    try {
      for (const { partition, value } of await fetcher.poll()) values[partition]!.push(String(value))
    } catch (error) {
      errors.push(error)
    }
  }
  return { values, errors }
}

function isWithoutGap(values: readonly string[], name: string): void {
  assert.ok(values.length > 1, `${values.length} records`)
  assert.deepEqual(
    values,
    values.map((_, i) => `${name}${i}`),
  )
}

describe('records of partitions that are in one answer with one that fails', () => {
  const damaged = Buffer.alloc(100, 7)
  damaged.writeInt32BE(88, 8)
  damaged[16] = 2
  const cases: [name: string, trouble: Trouble, told: (error: unknown) => boolean][] = [
    ['its leader has changed', { errorCode: notLeader, records: null }, () => false],
    [
      'it may not be read',
      { errorCode: topicAuthorizationFailed, records: null },
      (error) => error instanceof ClientError && error.kafkaCode === topicAuthorizationFailed,
    ],
    [
      'its bytes are damaged',
      { errorCode: 0, records: damaged },
      (error) => error instanceof ClientError && error.code === 'corrupt',
    ],
  ]
  for (const [name, wrong, isTold] of cases) {
    it(`are handed out, each once and in order, when ${name}; it goes on when it is mended`, async () => {
      let trouble: Trouble | undefined = wrong
      await using broker = await FakeBroker.start(scriptOf(() => trouble))
      await using cluster = new Cluster({ brokers: broker.address })
      const fetcher = new Fetcher(cluster, { waitMs: 1 })
      for (const partition of [0, 1]) fetcher.seek({ topic: 't', partition }, 0)
      const early = await read(fetcher, 12)
      assert.deepEqual(early.values[1], [])
      isWithoutGap(early.values[0]!, 'a')
      assert.ok(early.errors.every(isTold), String(early.errors))
      assert.equal(early.errors.length > 0, isTold(early.errors[0]))
      trouble = undefined
      // The pause of the partition that failed must be over.
      const late: string[][] = [[...early.values[0]!], []]
      while (late[1]!.length < 3) {
        const { values } = await read(fetcher, 1)
        for (const partition of [0, 1]) late[partition]!.push(...values[partition]!)
      }
      isWithoutGap(late[0]!, 'a')
      isWithoutGap(late[1]!, 'b')
    })
  }
})
