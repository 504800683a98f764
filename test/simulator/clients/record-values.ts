import { crc32 } from 'node:zlib'
import { decodeRecords } from '../../../packages/client/src/records/batch.ts'
import type { ReceivedRecord } from '../../../packages/client/src/records/record.ts'
import type { SeenRecord } from '../checkers/history.ts'
import { tagOf } from '../checkers/queues/queue-history.ts'
import type { SimulatedRandom } from '../../../packages/broker/src/host/simulated/simulated-random.ts'

const separator = '|'

export interface MadeRecord {
  key: string
  value: Buffer
  headers: { key: string; value: string }[]
  /** How the checkers know it. */
  seen: { key: string; value: string }
}

/** A record that no other resembles: its value begins with `id`, and the rest is drawn. @param hasTag for groups that filter */
export function makeRecord(
  id: string,
  key: string,
  bytes: number,
  random: SimulatedRandom,
  hasTag: boolean,
): MadeRecord {
  const head = Buffer.from(id + separator)
  const value = Buffer.alloc(Math.max(head.length, bytes), random.word())
  head.copy(value)
  const seen = { key, value: fingerprint(id, key, value) }
  return { key, value, headers: hasTag ? [{ key: 'polylog-tags', value: tagOf(seen.value) }] : [], seen }
}

/** The records of a Fetch answer from an offset on. A broken CRC throws: no broker may ever send one. */
export function readRecords(bytes: Buffer, from: number): { records: SeenRecord[]; next: number } {
  const { records, nextOffset } = decodeRecords(bytes, { topic: '', partition: 0 }, from)
  return { records: records.map((record) => seenOf(record)), next: nextOffset }
}

/** A record as the checkers know it. */
export function seenOf({ offset, key, value }: Pick<ReceivedRecord, 'offset' | 'key' | 'value'>): SeenRecord {
  const text = value ?? Buffer.alloc(0)
  const id = text.subarray(0, text.indexOf(separator)).toString('latin1')
  const name = key?.toString('latin1') ?? ''
  return { offset, key: name, value: fingerprint(id, name, text) }
}

function fingerprint(id: string, key: string, value: Uint8Array): string {
  return `${id}#${crc32(key).toString(16)}-${crc32(value).toString(16)}`
}
