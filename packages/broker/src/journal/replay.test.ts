import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Clock, Timer } from '../host/clock.ts'
import { MemoryDisk } from '../host/memory/memory-disk.ts'
import { buildBatch } from '../record/build.ts'
import { silentLogger } from '../telemetry/logger.ts'
import { EntryKind, fileHeaderBytes } from './format.ts'
import { Journal } from './journal.ts'
import type { ReplayOptions, ReplayedEntry, ReplayResult } from './replay.ts'
import { JournalDamageError, replayJournal } from './replay.ts'

const directory = '/journal'
const directoryId = new Uint8Array(16).fill(3)
const fileBytes = 4096

const clock: Clock = {
  nowMs: () => 0,
  monotonicMs: () => 0,
  startTimer: (): Timer => ({ cancel: () => undefined }),
  endOfTurn: (callback) => setImmediate(callback),
}

/** Writes a journal, each of `groups` as a group of its own that is synced before the next, and leaves it as a kill does. */
async function written(groups: readonly Uint8Array[][], id = directoryId): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  disk.makeDirectory(directory)
  let committed = (_sequence: number): void => undefined
  const journal = await Journal.open({
    disk,
    clock,
    logger: silentLogger,
    directory,
    directoryId: id,
    fileBytes,
    spareBytesMax: 0,
    nextSequence: 1,
    nextFileNumber: 1,
    committed: (sequence) => committed(sequence),
    failed: (error) => {
      throw error
    },
  })
  for (const group of groups) {
    await new Promise<void>((resolve) => {
      let last = 0
      committed = (sequence) => (sequence >= last ? resolve() : undefined)
      for (const payload of group) last = journal.append(EntryKind.batch, 5, payload)
    })
  }
  // The journal is idle now and says that the last group was synced.
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
  return disk
}

function batch(text: string, bytes = 100): Buffer {
  return buildBatch([{ key: null, value: Buffer.alloc(bytes, text) }], { baseTimestampMs: 1 })
}

function replay(disk: MemoryDisk, changes: Partial<ReplayOptions> = {}): ReplayResult & { entries: ReplayedEntry[] } {
  const entries: ReplayedEntry[] = []
  const fixed = { disk, logger: silentLogger, directory, directoryId, neededSequence: 1, provenSequence: 0 }
  const result = replayJournal({ ...fixed, ...changes }, (entry) => entries.push(entry))
  return { ...result, entries: entries.filter((entry) => entry.kind === EntryKind.batch) }
}

function change(disk: MemoryDisk, number: number, position: number, bytes: Uint8Array): void {
  const file = disk.open(`${directory}/${String(number).padStart(16, '0')}.journal`, 'write')
  file.write([bytes], position)
  file.close()
}

const three = [[batch('a')], [batch('b')], [batch('c')]]
/** Bytes of one entry with the batch above, and of the mark behind it that says it was synced. */
const entryBytes = 32 + batch('a').length

describe('replay of the journal', () => {
  it('gives back what was appended, in order, over several files', async () => {
    const groups = Array.from({ length: 40 }, (_, i) => [batch(`${i}`, 400), batch(`${i}`, 30)])
    const { entries, files, tornBytes } = replay(await written(groups))
    assert.deepEqual(
      entries.map((entry) => entry.payload.toString('hex')),
      groups.flat().map((bytes) => bytes.toString('hex')),
    )
    assert.ok(files.length > 3)
    assert.equal(tornBytes, 0)
    assert.ok(entries.every((entry) => entry.intact))
  })

  it('cuts a tail that nothing shows to have been synced', async () => {
    const disk = await written([[batch('a')], [batch('b'), batch('c')]])
    const { entries } = replay(disk)
    // Without the entries behind it nobody can tell the second group from one that was never synced.
    change(disk, 1, entries[2]!.position, new Uint8Array(fileBytes - entries[2]!.position))
    change(disk, 1, entries[1]!.position + 60, Uint8Array.of(0xff, 0xff))
    const again = replay(disk)
    assert.equal(again.entries.length, 1)
    assert.ok(again.tornBytes > 0)
    assert.ok(again.files[0]!.torn)
  })

  // Crash states, seed 1, state 11795: the next life began at a sequence that an entry behind the hole had too, and a second
  // crash, before the old files were gone, made the recovery after it take that entry up.
  it('goes on behind every sequence that it left out', async () => {
    const disk = await written([[batch('a')], [batch('b'), batch('c'), batch('d')]])
    const { entries, nextSequence } = replay(disk)
    const markAt = entries[3]!.position + entryBytes
    change(disk, 1, markAt, new Uint8Array(fileBytes - markAt))
    change(disk, 1, entries[1]!.position + 14, Uint8Array.of(0xff))
    const cut = replay(disk)
    assert.equal(cut.entries.length, 1)
    assert.ok(cut.nextSequence > entries[3]!.sequence && cut.nextSequence < nextSequence + 100)
    // A checkpoint says that everything before the next life is in segments. Nothing left out is taken for a part of that life.
    const again = replay(disk, { neededSequence: cut.nextSequence })
    assert.ok(again.entries.every(({ sequence }) => sequence < cut.nextSequence))
    assert.ok(again.nextSequence >= cut.nextSequence)
  })

  it('refuses a broken entry when a later one says it was synced, also if that is only the mark of an idle journal', async () => {
    for (const group of [0, 2]) {
      const disk = await written(three)
      const { position } = replay(disk).entries[group]!
      change(disk, 1, position + 14, Uint8Array.of(0xff))
      assert.throws(() => replay(disk), JournalDamageError)
    }
  })

  it('gives a synced batch whose bytes are broken to its log to deal with', async () => {
    const disk = await written(three)
    change(disk, 1, replay(disk).entries[1]!.position + 32 + 70, Uint8Array.of(0xff))
    assert.deepEqual(
      replay(disk).entries.map((entry) => entry.intact),
      [true, false, true],
    )
  })

  it('knows from the checkpoint what must be there', async () => {
    const disk = await written(three)
    const { nextSequence } = replay(disk)
    replay(disk, { provenSequence: nextSequence - 1 })
    assert.throws(() => replay(disk, { provenSequence: nextSequence }), /entries .* are missing/)
    const empty = new MemoryDisk()
    empty.makeDirectory(directory)
    assert.throws(() => replay(empty, { provenSequence: 1 }), JournalDamageError)
  })

  it('does without files that were trimmed in any order, and not without others', async () => {
    const groups = Array.from({ length: 40 }, (_, i) => [batch(`${i}`, 400)])
    const disk = await written(groups)
    const { entries } = replay(disk)
    const third = entries.find((entry) => entry.file.endsWith('3.journal'))!
    disk.remove(`${directory}/0000000000000002.journal`)
    assert.throws(() => replay(disk), JournalDamageError)
    const left = replay(disk, { neededSequence: third.sequence }).entries
    assert.ok(left.length > 0 && left.length < entries.length)
    disk.remove(`${directory}/0000000000000001.journal`)
    assert.equal(replay(disk, { neededSequence: third.sequence }).entries[0]!.sequence, third.sequence)
    assert.throws(() => replay(disk, { neededSequence: 1 }), JournalDamageError)
  })

  it('refuses a file of another directory, under another number, or cut', async () => {
    const foreign = await written(three, new Uint8Array(16).fill(4))
    assert.throws(() => replay(foreign), /another data directory/)
    const renamed = await written(three)
    renamed.rename(`${directory}/0000000000000001.journal`, `${directory}/0000000000000009.journal`)
    assert.throws(() => replay(renamed), /renamed/)
    const cut = await written(three)
    const file = cut.open(`${directory}/0000000000000001.journal`, 'write')
    file.truncate(fileBytes - 1)
    assert.throws(() => replay(cut), /the file ends here/)
  })

  it('is not deceived by a record that holds the bytes of a journal', async () => {
    const foreign = await written(three, new Uint8Array(16).fill(4))
    const source = foreign.open(`${directory}/0000000000000001.journal`, 'read')
    const copy = Buffer.alloc(fileHeaderBytes + entryBytes * 3 + 64)
    source.readNow(copy, 0)
    const payload = buildBatch([{ key: null, value: copy }], { baseTimestampMs: 1 })
    const disk = await written([[batch('a')], [payload]])
    const { entries } = replay(disk)
    const end = entries[1]!.position + 32 + payload.length
    change(disk, 1, end, new Uint8Array(fileBytes - end))
    change(disk, 1, entries[1]!.position + 14, Uint8Array.of(0xff))
    assert.equal(replay(disk).entries.length, 1)
  })
})
