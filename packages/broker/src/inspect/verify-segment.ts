import type { Disk } from '../host/disk.ts'
import { baseOffsetOf, batchBytesOf, batchHeaderBytes, lastOffsetOf, recordCountOf } from '../record/batch.ts'
import { findCrcFault, isPlausibleBatch } from '../record/validate.ts'

const windowBytes = 1 << 20

export interface SegmentClaim {
  path: string
  baseOffset: number
  /** Bytes that the checkpoint knows to be synced. */
  bytes: number
  /** Whether offsets may have gaps: compacted here or at the leader it was fetched from, or not known. */
  mayHaveGaps: boolean
}

export interface SegmentFindings {
  batches: number
  records: number
  /** Offset after the last intact batch. */
  endOffset: number
  /** Bytes of intact batches from the start of the file. */
  intactBytes: number
  /** Bytes behind the intact ones. Below the synced size this is damage, above it a torn tail. */
  restBytes: number
  fault: string | undefined
}

/** Reads a whole segment file and checks size, offset and CRC of every batch. Changes nothing. @throws DiskError */
export async function verifySegment(
  disk: Disk,
  claim: SegmentClaim,
  progress: (bytes: number) => void,
): Promise<SegmentFindings> {
  const fileBytes = disk.sizeOf(claim.path) ?? 0
  const findings = { batches: 0, records: 0, endOffset: claim.baseOffset, intactBytes: 0 }
  const file = disk.open(claim.path, 'read')
  let fault: string | undefined
  try {
    let window: Buffer = Buffer.allocUnsafe(windowBytes)
    while (fault === undefined && findings.intactBytes < fileBytes) {
      const before = findings.intactBytes
      const filled = await file.read(window, before)
      const found = takeBatches(window.subarray(0, filled), claim, findings)
      if (findings.intactBytes === before) {
        if (found.needed > filled && found.needed <= fileBytes - before) window = Buffer.allocUnsafe(found.needed)
        else fault = found.fault
      }
      progress(findings.intactBytes - before)
    }
  } finally {
    file.close()
  }
  if (fault === undefined && findings.intactBytes < claim.bytes) fault = `the file ends at byte ${findings.intactBytes}`
  return { ...findings, restBytes: fileBytes - findings.intactBytes, fault }
}

/** Counts the intact batches at the start of `bytes`; says what is wrong with the first that is not. */
function takeBatches(
  bytes: Uint8Array,
  claim: SegmentClaim,
  findings: { batches: number; records: number; endOffset: number; intactBytes: number },
): { needed: number; fault: string } {
  for (let at = 0; ; ) {
    const position = `byte ${findings.intactBytes}`
    if (bytes.length - at < batchHeaderBytes)
      return { needed: batchHeaderBytes, fault: `no whole batch at ${position}` }
    const size = batchBytesOf(bytes, at)
    if (!isPlausibleBatch(bytes, at, 2 ** 31)) return { needed: 0, fault: `no batch at ${position}` }
    if (at + size > bytes.length) return { needed: size, fault: `the batch at ${position} is cut short` }
    const baseOffset = baseOffsetOf(bytes, at)
    // What came after the checkpoint may be the first of a log that has gaps.
    const fits =
      claim.mayHaveGaps || findings.intactBytes >= claim.bytes
        ? baseOffset >= findings.endOffset || (findings.batches === 0 && lastOffsetOf(bytes, at) >= findings.endOffset)
        : baseOffset === findings.endOffset
    if (!fits) return { needed: 0, fault: `offset ${baseOffset} at ${position}, ${findings.endOffset} is due` }
    const crc = findCrcFault(bytes, at)
    if (crc) return { needed: 0, fault: `at ${position}: ${crc.detail}` }
    findings.batches++
    findings.records += recordCountOf(bytes, at)
    findings.endOffset = lastOffsetOf(bytes, at) + 1
    findings.intactBytes += size
    at += size
  }
}
