import { RecordCursor, RecordError } from '@polylog/wire/records'
import type { StoredRecord } from './records.ts'

/** A header of a record; the value is a view. */
export interface RecordHeader {
  readonly key: string
  readonly value: Uint8Array | null
}

/** No header is shorter: the length of its name, and of its value. */
const headerBytesMin = 2

/** The headers of a record, in their order. @param records what `openRecords` returned @throws RecordError */
export function headersOf(records: Uint8Array, { headersStart, end }: StoredRecord): RecordHeader[] {
  const cursor = new RecordCursor(records.subarray(headersStart, end))
  const count = cursor.varint()
  if (count < 0 || count * headerBytesMin > cursor.remaining) {
    throw new RecordError('damaged', `a record of ${count} headers, ${cursor.remaining} bytes are left`)
  }
  const headers: RecordHeader[] = []
  for (let index = 0; index < count; index++) {
    const key = cursor.view(cursor.varint())
    if (key === null) throw new RecordError('damaged', 'a header without a name')
    headers.push({ key: key.toString(), value: cursor.view(cursor.varint()) })
  }
  return headers
}
