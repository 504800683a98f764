import { deepEqual } from 'node:assert/strict'
import { Fetcher, RecordProducer } from '@polylog/client/admin'
import type { Cluster } from '@polylog/client/admin'
import type { Place } from './raw.ts'
import { valuesOf } from './raw.ts'

/** `count` values that say where they come from, so that any file or answer that holds one can be told. */
export function numbered(prefix: string, count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}#${String(from + index).padStart(4, '0')}`)
}

/** Sends values to one partition, acks=all, one batch; resolves when they are confirmed. */
export async function send(client: Cluster, place: Place, values: readonly string[]): Promise<void> {
  const { topic, partition = 0 } = place
  await new RecordProducer(client).send(
    topic,
    values.map((value) => ({ value, partition })),
  )
}

/** Reads a partition from its beginning until `count` records have come, and whatever came with the last of them. */
export async function read(client: Cluster, { topic, partition = 0 }: Place, count: number): Promise<string[]> {
  const fetcher = new Fetcher(client, { waitMs: 50 })
  fetcher.seek({ topic, partition }, 0)
  const values: string[] = []
  while (values.length < count) values.push(...valuesOf(await fetcher.poll()))
  return values
}

/** Reads a partition from its beginning to the end that its leader told at the last answer. */
export async function readAll(client: Cluster, { topic, partition = 0 }: Place): Promise<string[]> {
  const fetcher = new Fetcher(client, { waitMs: 50 })
  fetcher.seek({ topic, partition }, 0)
  const values: string[] = []
  do values.push(...valuesOf(await fetcher.poll()))
  while (!fetcher.isAtEnd)
  return values
}

/** Fails unless exactly these values were found, in this order; says in one line what is wrong. */
export function assertSame(found: readonly string[], expected: readonly string[]): void {
  const lost = expected.filter((value) => !found.includes(value))
  const strange = found.filter((value) => !expected.includes(value))
  const repeated = found.filter((value, index) => found.indexOf(value) !== index)
  const counts = `${found.length} found, ${expected.length} expected`
  const details = `lost: ${lost.join() || 'none'}; not expected: ${strange.join() || 'none'}; repeated: ${repeated.join() || 'none'}`
  deepEqual(found, expected, `${counts}; ${details}`)
}

/** Whether a promise has been settled by now. */
export class Watched<T> {
  readonly promise: Promise<T>
  isSettled = false

  constructor(promise: Promise<T>) {
    this.promise = promise
    const settle = (): void => {
      this.isSettled = true
    }
    promise.then(settle, settle)
  }
}
