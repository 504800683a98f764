import { equal, ok } from 'node:assert/strict'

/** One record as the scenario sees it. */
export interface TestRecord {
  key: string
  value: Buffer
}

export interface ReceivedRecord extends TestRecord {
  partition: number
  offset: number
}

const keyCount = 997

/** Bytes that are no text in any encoding, without the line feed and the tab that separate records for kcat. */
const binary = Buffer.from(Array.from({ length: 64 }, (_, i) => 0xff - i))

/** Record number `i`: keys repeat, values begin with the number and differ in length and content. */
export function recordAt(i: number): TestRecord {
  const start = i % 13
  return {
    key: `key-${i % keyCount}`,
    value: Buffer.concat([Buffer.from(`${i}:`), binary.subarray(start, start + (i % 50))]),
  }
}

function numberOf(value: Buffer): number {
  return Number(value.subarray(0, value.indexOf(':')).toString('latin1'))
}

/** Collects what all members are given and checks bytes, place and order. */
export class Collector {
  /** How many records each member was given, by the order in which receivers were made. */
  readonly counts: number[] = []
  /** Numbers of the records that came after they had been seen before, in order of arrival. */
  readonly repeated: number[] = []
  /** What was wrong with a record, first one only: a throw inside a client's callback would be retried by the client. */
  fault: Error | undefined
  readonly #places = new Map<number, { partition: number; offset: number }>()

  get size(): number {
    return this.#places.size
  }

  /** What a member calls for each record. */
  receiver(): (record: ReceivedRecord) => void {
    const member = this.counts.push(0) - 1
    return (record) => {
      this.counts[member]!++
      try {
        this.#take(record)
      } catch (error) {
        this.fault ??= error as Error
      }
    }
  }

  #take({ key, value, partition, offset }: ReceivedRecord): void {
    const i = numberOf(value)
    const expected = recordAt(i)
    equal(key, expected.key)
    ok(value.equals(expected.value), `record ${i} came with other bytes: ${value.toString('hex')}`)
    const before = this.#places.get(i)
    if (before === undefined) {
      this.#places.set(i, { partition, offset })
      return
    }
    equal(`${partition}:${offset}`, `${before.partition}:${before.offset}`, `record ${i} is stored twice`)
    this.repeated.push(i)
  }

  /** @throws AssertionError unless records 0 to `count` - 1 are there, those of a key in one partition in sending order */
  check(count: number): void {
    if (this.fault !== undefined) throw this.fault
    equal(this.size, count)
    const last = new Map<number, { partition: number; offset: number }>()
    for (let i = 0; i < count; i++) {
      const place = this.#places.get(i)!
      const before = last.get(i % keyCount)
      if (before) {
        equal(place.partition, before.partition, `key ${i % keyCount} is in two partitions`)
        ok(place.offset > before.offset, `record ${i} lies before one of its key that was sent earlier`)
      }
      last.set(i % keyCount, place)
    }
  }
}
