import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MemoryDisk } from '../host/memory/memory-disk.ts'
import { buildBatch } from '../record/build.ts'
import { crc32c } from '../record/crc32c.ts'
import { silentLogger } from '../telemetry/logger.ts'
import {
  encodeFileHeader,
  endMarkBytes,
  entryHeaderBytes,
  EntryKind,
  entrySeed,
  fileHeaderBytes,
  journalFileName,
  writeEntryHeader,
} from './format.ts'
import type { ReplayedEntry, ReplayResult } from './replay.ts'
import { JournalDamageError, replayJournal } from './replay.ts'

const directory = '/journal'
const directoryId = new Uint8Array(16).fill(3)
const fileBytes = 8192
const fileNumber = 7

/** A group of entries as they stand in a file: batches of these sizes, from this sequence on. */
interface Life {
  firstSequence: number
  /** Of each entry, the bytes of its only record. */
  sizes: readonly number[]
  text: string
  /** All written in one go: no entry says that one before it was synced. */
  oneGroup?: boolean
}

function header(number: number, firstSequence: number): Buffer {
  return encodeFileHeader({ fileNumber: number, firstSequence, directoryId, fileBytes })
}

/** Bytes of the entries of one life of a file. @param number whose seed they have */
function entriesOf({ firstSequence, sizes, text, oneGroup }: Life, number?: number): Buffer {
  const entries = sizes.map((size, i) => {
    const payload = buildBatch([{ key: null, value: Buffer.alloc(size, text) }], { baseTimestampMs: 1 })
    const entry = Buffer.alloc(entryHeaderBytes + payload.length)
    const sequence = firstSequence + i
    const syncedSequence = (oneGroup ? firstSequence : sequence) - 1
    const fields = { payloadBytes: payload.length, kind: EntryKind.batch, logId: 5, sequence, syncedSequence }
    writeEntryHeader(entry, 0, fields, payload, entrySeed(directoryId, number))
    payload.copy(entry, entryHeaderBytes)
    return entry
  })
  return Buffer.concat(entries)
}

/** A file of which a former life is left wherever the new one has not written. */
function fileWith(stale: Uint8Array, entries: Uint8Array, firstSequence: number): Buffer {
  const bytes = Buffer.alloc(fileBytes)
  bytes.set(stale.subarray(0, fileBytes - fileHeaderBytes), fileHeaderBytes)
  bytes.set(header(fileNumber, firstSequence))
  bytes.set(entries, fileHeaderBytes)
  const end = fileHeaderBytes + entries.length
  bytes.fill(0, end, end + endMarkBytes)
  return bytes
}

function replay(bytes: Uint8Array, number = fileNumber): ReplayResult & { sequences: number[] } {
  const disk = new MemoryDisk()
  disk.makeDirectory(directory)
  const file = disk.open(`${directory}/${journalFileName(number)}`, 'create')
  file.write([bytes], 0)
  file.close()
  const sequences: number[] = []
  const visit = (entry: ReplayedEntry): void => {
    assert.ok(entry.intact)
    assert.ok(entry.payload.includes('new '), 'an entry of the former life')
    sequences.push(entry.sequence)
  }
  const options = { disk, logger: silentLogger, directory, directoryId, neededSequence: 100, provenSequence: 0 }
  return { ...replayJournal(options, visit), sequences }
}

const sizes = fc.array(fc.integer({ min: 5, max: 300 }), { minLength: 1, maxLength: 14 })
/** Sequences before, at and behind those of the new life: whatever numbers a former life had, it is over. */
const staleFirst = fc.integer({ min: 60, max: 140 })

/** Whether the end of the new life is seen as such, over a former one whose entries have the seed of file `number`. */
function endIsSeen(
  number: number,
  newSizes: readonly number[],
  oldSizes: readonly number[],
  oldFirst: number,
): boolean {
  const entries = entriesOf({ firstSequence: 100, sizes: newSizes, text: 'new ' }, fileNumber)
  const stale = entriesOf({ firstSequence: oldFirst, sizes: oldSizes, text: 'old ' }, number)
  // As if both lives had had entries of these sizes, so that an old one begins right where the new ones end.
  const aligned = Buffer.concat([entries, Buffer.alloc(endMarkBytes), stale])
  for (const former of [stale, aligned]) {
    const { sequences, tornBytes, files } = replay(fileWith(former, entries, 100))
    if (tornBytes > 0 || files[0]!.torn || sequences.length !== newSizes.length) return false
  }
  return true
}

describe('replay of a journal file that was used before', () => {
  it('ends with its new entries, whatever entries or other bytes of its former life follow', () => {
    const number = fc.integer({ min: 1, max: fileNumber - 1 })
    fc.assert(
      fc.property(sizes, sizes, staleFirst, number, (newSizes, oldSizes, oldFirst, formerNumber) => {
        assert.ok(endIsSeen(formerNumber, newSizes, oldSizes, oldFirst))
      }),
      { numRuns: 200 },
    )
    fc.assert(
      fc.property(sizes, fc.uint8Array({ minLength: 1000, maxLength: fileBytes }), (newSizes, garbage) => {
        const entries = entriesOf({ firstSequence: 100, sizes: newSizes, text: 'new ' }, fileNumber)
        const { sequences, tornBytes } = replay(fileWith(garbage, entries, 100))
        assert.equal(sequences.length, newSizes.length)
        assert.equal(tornBytes, 0)
      }),
      { numRuns: 200 },
    )
  })

  it('is tried with former lives that a build without the file number in the seed would take for new ones', () => {
    const property = fc.property(sizes, sizes, staleFirst, (newSizes, oldSizes, oldFirst) => {
      try {
        return endIsSeen(fileNumber, newSizes, oldSizes, oldFirst)
      } catch (error) {
        if (error instanceof JournalDamageError) return false
        throw error
      }
    })
    assert.ok(fc.check(property, { numRuns: 200 }).failed)
  })

  it('takes a torn first write, wherever the device stopped, for a torn tail and nothing of the former life for new', () => {
    const former = { firstSequence: 60, sizes: Array.from({ length: 20 }, () => 200), text: 'old ' }
    const stale = fileWith(entriesOf(former, 2), new Uint8Array(0), 0)
    const group = { firstSequence: 100, sizes: [300, 300, 300, 300, 300], text: 'new ', oneGroup: true }
    const entries = entriesOf(group, fileNumber)
    const written = fileWith(stale.subarray(fileHeaderBytes), entries, 100)
    const sectors = Math.ceil((fileHeaderBytes + entries.length) / 512)
    for (let kept = 0; kept < 2 ** sectors; kept++) {
      const bytes = Buffer.from(stale)
      for (let sector = 0; sector < sectors; sector++) {
        if (kept & (1 << sector)) written.copy(bytes, sector * 512, sector * 512, (sector + 1) * 512)
      }
      const { sequences, files } = replay(bytes)
      assert.deepEqual(sequences, [100, 101, 102, 103, 104].slice(0, sequences.length))
      if (kept === 0) assert.ok(!files[0]!.torn && sequences.length === 0)
      if (kept === 2 ** sectors - 1) assert.equal(sequences.length, 5)
    }
  })

  it('proves damage by an intact new entry behind a broken one, also where the broken one is all zero', () => {
    const entries = entriesOf({ firstSequence: 100, sizes: [300, 300, 300], text: 'new ' }, fileNumber)
    const former = { firstSequence: 60, sizes: Array.from({ length: 20 }, () => 200), text: 'old ' }
    const bytes = fileWith(entriesOf(former, 2), entries, 100)
    const size = entries.length / 3
    for (const fill of [0, 0xff]) {
      const broken = Buffer.from(bytes).fill(fill, fileHeaderBytes + size, fileHeaderBytes + size + 50)
      assert.throws(() => replay(broken), JournalDamageError)
    }
  })

  it('is read as well if it has the first format, whose entries do not hold the number of their file', () => {
    const bytes = fileWith(new Uint8Array(0), entriesOf({ firstSequence: 100, sizes: [5, 300], text: 'new ' }), 100)
    bytes.write('PLJRNL01', 0, 'latin1')
    bytes.writeUInt32BE(crc32c(bytes.subarray(0, 60)), 60)
    assert.deepEqual(replay(bytes).sequences, [100, 101])
  })

  it('has nothing to say of a spare, under its new name or still its old one; any other name is refused', () => {
    const former = entriesOf({ firstSequence: 60, sizes: [200, 200, 200], text: 'old ' }, 2)
    const spare = fileWith(former, new Uint8Array(0), 0)
    for (const number of [fileNumber, 2]) {
      const { sequences, files, tornBytes } = replay(spare, number)
      assert.deepEqual([sequences.length, files[0]!.torn, tornBytes], [0, false, 0])
    }
    const begun = fileWith(former, entriesOf({ firstSequence: 100, sizes: [5], text: 'new ' }, fileNumber), 100)
    assert.throws(() => replay(begun, 9), /renamed/)
  })
})
