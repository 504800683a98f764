/**
 * Payload of the journal entry `syncedOffset`, 20 bytes: a log is synced in its segments below an offset (8, a double),
 * and the leader epoch of the record before it (4) began at an offset (8, a double).
 */
export interface SyncedOffset {
  offset: number
  /** -1 if the log knows of no epoch. */
  epoch: number
  /** -1 if it lies before the start of the log. */
  epochStart: number
}

export function encodeSyncedOffset(synced: SyncedOffset): Buffer {
  const bytes = Buffer.alloc(20)
  bytes.writeDoubleBE(synced.offset)
  bytes.writeInt32BE(synced.epoch, 8)
  bytes.writeDoubleBE(synced.epochStart, 12)
  return bytes
}

export function decodeSyncedOffset(bytes: Buffer): SyncedOffset {
  return { offset: bytes.readDoubleBE(0), epoch: bytes.readInt32BE(8), epochStart: bytes.readDoubleBE(12) }
}
