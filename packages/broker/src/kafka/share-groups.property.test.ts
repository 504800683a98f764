import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { apis } from '@polylog/wire'
import fc from 'fast-check'
import { makeTestBatch } from './testing/test-batch.ts'
import { TestBroker, until } from './testing/test-broker.ts'
import type { TestClient } from './testing/test-client.ts'

const [accept, release, reject] = [1, 2, 3]
const deliveryCountMax = 5

interface Held {
  readonly offset: number
  readonly delivery: number
}

/** What has become of each message, by partition and offset, as the members were told. */
class Ledger {
  readonly accepted = new Map<string, number>()
  readonly rejected = new Set<string>()
  readonly deliveries = new Map<string, number>()
  /** A member was lost before it heard what became of its acknowledgement: either may be. */
  readonly unsure = new Set<string>()

  faults(total: readonly string[]): string[] {
    return total.flatMap((place) => {
      const acceptedCount = this.accepted.get(place) ?? 0
      const isDead = this.rejected.has(place) || this.deliveries.get(place) === deliveryCountMax
      if (acceptedCount > 1) return `${place} was accepted ${acceptedCount} times`
      if (acceptedCount === 1 && this.rejected.has(place)) return `${place} was accepted and rejected`
      return acceptedCount === 0 && !isDead && !this.unsure.has(place) ? `${place} was lost` : []
    })
  }
}

/** A member that fetches and acknowledges by the rules of the protocol. */
class Member {
  readonly #broker: TestBroker
  readonly #ledger: Ledger
  readonly #id: string
  readonly #topicId: string
  #client: TestClient | undefined
  #epoch = 0
  /** By partition. */
  readonly held = new Map<number, Held[]>()

  constructor(broker: TestBroker, ledger: Ledger, id: string, topicId: string) {
    this.#broker = broker
    this.#ledger = ledger
    this.#id = id
    this.#topicId = topicId
  }

  async fetch(recordsMax: number, isStrict: boolean): Promise<number> {
    this.#client ??= await this.#broker.connect()
    const all = [0, 1].map((partitionIndex) => ({ partitionIndex, acknowledgementBatches: [] }))
    const answer = await this.#client.call(apis[78], 2, {
      ...this.#session(),
      maxWaitMs: 0,
      minBytes: 1,
      maxRecords: recordsMax,
      batchSize: 3,
      shareAcquireMode: isStrict ? 1 : 0,
      topics: this.#epoch === 0 ? [{ topicId: this.#topicId, partitions: all }] : [],
    })
    assert.equal(answer.errorCode, 0)
    this.#epoch++
    let count = 0
    for (const { partitionIndex, acquiredRecords } of answer.responses.flatMap(({ partitions }) => partitions)) {
      for (const { firstOffset, lastOffset, deliveryCount } of acquiredRecords) {
        for (let offset = firstOffset; offset <= lastOffset; offset++, count++) {
          this.#taken(partitionIndex, { offset, delivery: deliveryCount })
        }
      }
    }
    if (isStrict) assert.ok(count <= recordsMax)
    return count
  }

  /** Acknowledges the first messages held in a partition, each with the next of the types. */
  async acknowledge(partition: number, types: readonly number[], isFinal: boolean): Promise<void> {
    const records = this.held.get(partition)?.splice(0, types.length) ?? []
    if (records.length === 0 || this.#client === undefined) return
    const acknowledgementBatches = records.map(({ offset }, at) => {
      return { firstOffset: offset, lastOffset: offset, acknowledgeTypes: [types[at]!], retryDelayMs: 0 }
    })
    const partitions = [{ partitionIndex: partition, acknowledgementBatches }]
    const epoch = isFinal ? { shareSessionEpoch: -1 } : {}
    const request = { ...this.#session(), ...epoch, topics: [{ topicId: this.#topicId, partitions }] }
    const answer = await this.#client.call(apis[79], 2, request)
    assert.deepEqual([answer.errorCode, answer.responses[0]!.partitions[0]!.errorCode], [0, 0])
    this.#epoch++
    for (const [at, { offset }] of records.entries()) this.#settled(`${partition}/${offset}`, types[at]!)
    if (isFinal) await this.#leave(this.#client)
  }

  /** The process is gone, perhaps with an acknowledgement on its way. */
  async crash(isAcknowledging: boolean): Promise<void> {
    const client = this.#client
    if (client === undefined) return
    if (isAcknowledging) {
      for (const [partition, records] of this.held) {
        for (const { offset } of records) this.#ledger.unsure.add(`${partition}/${offset}`)
        const acknowledgementBatches = records.map(({ offset }) => {
          return { firstOffset: offset, lastOffset: offset, acknowledgeTypes: [accept] }
        })
        const topics = [{ topicId: this.#topicId, partitions: [{ partitionIndex: partition, acknowledgementBatches }] }]
        client.post(apis[79], 2, { ...this.#session(), topics })
        this.#epoch++
      }
    }
    await this.#leave(client)
  }

  /** Resolves when the broker has noticed. */
  async #leave(client: TestClient): Promise<void> {
    const connections = this.#broker.listener['connections']
    const countBefore = connections.size
    client.close()
    this.#client = undefined
    this.#epoch = 0
    this.held.clear()
    await until(() => connections.size < countBefore)
  }

  #session() {
    return { groupId: 'g', memberId: this.#id, shareSessionEpoch: this.#epoch }
  }

  #taken(partition: number, held: Held): void {
    const place = `${partition}/${held.offset}`
    const { deliveries, accepted, rejected } = this.#ledger
    assert.ok(!accepted.has(place) && !rejected.has(place), `${place} was delivered after its end`)
    // Those that a member gave back unseen do not count.
    assert.ok(held.delivery <= deliveryCountMax, `${place} was delivered too often`)
    deliveries.set(place, held.delivery)
    const records = this.held.get(partition)
    if (records === undefined) this.held.set(partition, [held])
    // Others may have given back what lies before: acknowledgements go by rising offset.
    else records.splice(records.findLastIndex(({ offset }) => offset < held.offset) + 1, 0, held)
  }

  #settled(place: string, type: number): void {
    if (type === accept) this.#ledger.accepted.set(place, (this.#ledger.accepted.get(place) ?? 0) + 1)
    if (type === reject) this.#ledger.rejected.add(place)
  }
}

type Step =
  | { readonly kind: 'produce'; readonly partition: number; readonly count: number }
  | { readonly kind: 'fetch'; readonly member: number; readonly recordsMax: number; readonly isStrict: boolean }
  | {
      readonly kind: 'acknowledge'
      readonly member: number
      readonly partition: number
      readonly types: readonly number[]
      readonly isFinal: boolean
    }
  | { readonly kind: 'crash'; readonly member: number; readonly isAcknowledging: boolean }

const member = fc.integer({ min: 0, max: 2 })
const partition = fc.integer({ min: 0, max: 1 })
const types = fc.array(fc.constantFrom(accept, accept, release, reject), { minLength: 1, maxLength: 6 })
const steps = fc.array(
  fc.oneof<fc.WeightedArbitrary<Step>[]>(
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('produce'), partition, count: fc.integer({ min: 1, max: 8 }) }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('fetch'),
        member,
        recordsMax: fc.integer({ min: 1, max: 10 }),
        isStrict: fc.boolean(),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('acknowledge'), member, partition, types, isFinal: fc.boolean() }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash'), member, isAcknowledging: fc.boolean() }) },
  ),
  { minLength: 5, maxLength: 40 },
)

/** A member was given an earlier message after a later one, and spoke of them in that order: a client has to sort them. */
const earlierAfterLater: Step[] = [
  { kind: 'produce', partition: 1, count: 2 },
  { kind: 'produce', partition: 0, count: 2 },
  { kind: 'fetch', member: 1, recordsMax: 3, isStrict: false },
  { kind: 'fetch', member: 0, recordsMax: 1, isStrict: false },
  { kind: 'acknowledge', member: 1, partition: 0, types: [accept], isFinal: true },
  { kind: 'fetch', member: 0, recordsMax: 2, isStrict: false },
  { kind: 'acknowledge', member: 0, partition: 1, types: [accept, accept], isFinal: false },
  { kind: 'produce', partition: 0, count: 1 },
  { kind: 'acknowledge', member: 0, partition: 0, types: [accept], isFinal: false },
  { kind: 'fetch', member: 0, recordsMax: 1, isStrict: false },
  { kind: 'fetch', member: 0, recordsMax: 1, isStrict: false },
  { kind: 'crash', member: 0, isAcknowledging: false },
]

describe('members of a share group that come, go and fall', () => {
  test('together settle each message once', async () => {
    const holds = async (given: readonly Step[]): Promise<void> => {
      const broker = await TestBroker.start()
      try {
        const { topicId } = await broker.makeTopic('jobs', 2)
        const ledger = new Ledger()
        const members = [0, 1, 2].map((id) => new Member(broker, ledger, `m${id}`, topicId))
        const places: string[] = []
        for (const step of given) {
          if (step.kind === 'produce') {
            const log = broker.topics.partition('jobs', step.partition)!
            for (let at = 0; at < step.count; at++) places.push(`${step.partition}/${log.logEndOffset + at}`)
            const values = Array.from({ length: step.count }, () => 'job')
            log.append(makeTestBatch({ values }), true, 1)
          } else await act(members[step.member]!, step)
        }
        for (const each of members) await each.crash(false)
        await drain(members[0]!)
        assert.deepEqual(ledger.faults(places), [])
      } finally {
        await broker.stop()
      }
      assert.deepEqual(broker.errors(), [])
    }
    await fc.assert(fc.asyncProperty(steps, holds), { numRuns: 40, examples: [[earlierAfterLater]] })
  })
})

async function act(each: Member, step: Exclude<Step, { kind: 'produce' }>): Promise<void> {
  if (step.kind === 'fetch') await each.fetch(step.recordsMax, step.isStrict)
  else if (step.kind === 'acknowledge') await each.acknowledge(step.partition, step.types, step.isFinal)
  else await each.crash(step.isAcknowledging)
}

/** Accepts whatever is left, until nothing is. */
async function drain(last: Member): Promise<void> {
  while ((await last.fetch(100, false)) > 0) {
    for (const [index, records] of last.held) {
      await last.acknowledge(
        index,
        records.map(() => accept),
        false,
      )
    }
  }
}
