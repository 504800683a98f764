/** A name and a value beside the record's own. Names may come more than once. */
export interface RecordHeader {
  key: string
  value: Buffer | null
}

/** A record as it was read. Key and value are views of the answer's memory: copy what is kept for long. */
export interface ReceivedRecord {
  topic: string
  partition: number
  offset: number
  /** Milliseconds since 1970. */
  timestampMs: number
  key: Buffer | null
  value: Buffer | null
  headers: readonly RecordHeader[]
}

/** Text is sent as UTF-8. */
export type Bytes = Uint8Array | string | null

/** A record to be sent. */
export interface OutgoingRecord {
  value: Bytes
  /** Records of one key go to one partition, in order. Without it they are spread. */
  key?: Bytes
  headers?: readonly { key: string; value: Bytes }[]
  /** Chosen by the key if it is left out. */
  partition?: number
  /** Milliseconds since 1970; now, if it is left out. */
  timestampMs?: number
}

export function bytesOf(value: Bytes | undefined): Uint8Array | null {
  if (value === null || value === undefined) return null
  return typeof value === 'string' ? Buffer.from(value) : value
}
