import { crc32cTables as crc32c } from '@polylog/wire/records'
import { decodeRecords } from '../../../packages/client/src/records/batch.ts'
import type { SeenRecord } from '../checkers/history.ts'
import type { SimulatedRandom } from '../../../packages/broker/src/host/simulated/simulated-random.ts'

const separator = '|'

export interface MadeRecord {
  key: string
  value: Buffer
  /** How the checkers know it. */
  seen: { key: string; value: string }
}

/** A record that no other resembles: its value begins with `id`, and the rest is drawn. */
export function makeRecord(id: string, key: string, bytes: number, random: SimulatedRandom): MadeRecord {
  const head = Buffer.from(id + separator)
  const value = Buffer.alloc(Math.max(head.length, bytes), random.word())
  head.copy(value)
  return { key, value, seen: { key, value: fingerprint(id, key, value) } }
}

/** The records of a Fetch answer from an offset on. A broken CRC throws: no broker may ever send one. */
export function readRecords(bytes: Buffer, from: number): { records: SeenRecord[]; next: number } {
  const { records, nextOffset } = decodeRecords(bytes, { topic: '', partition: 0 }, from)
  const seen = records.map(({ offset, key, value }) => {
    const text = value ?? Buffer.alloc(0)
    const id = text.subarray(0, text.indexOf(separator)).toString('latin1')
    const name = key?.toString('latin1') ?? ''
    return { offset, key: name, value: fingerprint(id, name, text) }
  })
  return { records: seen, next: nextOffset }
}

function fingerprint(id: string, key: string, value: Uint8Array): string {
  return `${id}#${crc32c(Buffer.from(key)).toString(16)}-${crc32c(value).toString(16)}`
}
