import type { Bytes, OutgoingRecord, ReceivedRecord } from '@polylog/client/admin'
import { CommandError } from './exit-code.ts'

export const recordFormats = ['text', 'kv', 'jsonl'] as const

/**
 * How records are lines: `text` = the value; `kv` = key, separator, value; `jsonl` = an object with value, key, headers,
 * partition and timestamp.
 */
export type RecordFormat = (typeof recordFormats)[number]

/**
 * Reads a record from a line without its line end.
 * @param number of the line, for messages
 * @throws CommandError
 */
export function parseRecord(line: Buffer, format: RecordFormat, separator: string, number: number): OutgoingRecord {
  if (format === 'text') return { value: line }
  if (format === 'jsonl') return parseJson(line.toString(), number)
  const at = line.indexOf(separator)
  if (at < 0) throw new CommandError(`line ${number} has no key: ${JSON.stringify(separator)} does not occur in it`)
  return { key: line.subarray(0, at), value: line.subarray(at + Buffer.byteLength(separator)) }
}

/** Writes a record as a line with its line end; `parseRecord` reads it again, but for the offset. */
export function formatRecord(record: ReceivedRecord, format: RecordFormat, separator: string): Buffer {
  const empty = Buffer.alloc(0)
  const newline = Buffer.from('\n')
  if (format === 'text') return Buffer.concat([record.value ?? empty, newline])
  if (format === 'kv') {
    return Buffer.concat([record.key ?? empty, Buffer.from(separator), record.value ?? empty, newline])
  }
  const line = {
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    timestamp: record.timestampMs,
    key: readable(record.key),
    value: readable(record.value),
    ...(record.headers.length === 0
      ? {}
      : { headers: record.headers.map(({ key, value }) => ({ key, value: readable(value) })) }),
  }
  return Buffer.from(`${JSON.stringify(line)}\n`)
}

/** Text as it is; bytes that are no UTF-8 as `{"base64":"…"}`. */
function readable(bytes: Buffer | null): string | null | { base64: string } {
  if (bytes === null) return null
  const text = bytes.toString()
  return Buffer.from(text).equals(bytes) ? text : { base64: bytes.toString('base64') }
}

const recordFields = new Set(['key', 'value', 'headers', 'partition', 'timestamp', 'topic', 'offset'])

function parseJson(line: string, number: number): OutgoingRecord {
  const fail = (what: string): never => {
    throw new CommandError(`line ${number} ${what}: ${line.slice(0, 100)}`)
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch (error) {
    return fail(`is not JSON (${error instanceof Error ? error.message : String(error)})`)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return fail('is not a JSON object')
  const fields = parsed as Record<string, unknown>
  const strange = Object.keys(fields).find((name) => !recordFields.has(name))
  if (strange !== undefined) return fail(`has an unknown field "${strange}"`)
  const { partition, timestamp } = fields
  if (partition !== undefined && !isWhole(partition)) return fail('has a partition that is no whole number')
  if (timestamp !== undefined && !isWhole(timestamp)) return fail('has a timestamp that is no number of milliseconds')
  return {
    value: bytesOf(fields['value']),
    key: bytesOf(fields['key']),
    headers: headersOf(fields['headers']) ?? fail('has headers that are neither an object nor a list of {key, value}'),
    ...(partition === undefined ? {} : { partition }),
    ...(timestamp === undefined ? {} : { timestampMs: timestamp }),
  }
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** Text as it is, `{"base64":…}` as bytes, any other JSON as its text. */
function bytesOf(value: unknown): Bytes {
  if (value === null || value === undefined) return null
  if (typeof value === 'string') return value
  if (typeof value === 'object' && 'base64' in value && Object.keys(value).length === 1) {
    if (typeof value.base64 === 'string') return Buffer.from(value.base64, 'base64')
  }
  return JSON.stringify(value)
}

function headersOf(value: unknown): { key: string; value: Bytes }[] | undefined {
  if (value === undefined || value === null) return []
  if (typeof value !== 'object') return undefined
  if (!Array.isArray(value)) return Object.entries(value).map(([key, header]) => ({ key, value: bytesOf(header) }))
  const headers: { key: string; value: Bytes }[] = []
  for (const header of value as unknown[]) {
    if (typeof header !== 'object' || header === null || !('key' in header) || typeof header.key !== 'string')
      return undefined
    headers.push({ key: header.key, value: bytesOf('value' in header ? header.value : null) })
  }
  return headers
}
