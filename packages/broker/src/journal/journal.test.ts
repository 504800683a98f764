import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DiskFile } from '../host/disk.ts'
import { MemoryDisk } from '../host/memory/memory-disk.ts'
import { NodeClock } from '../host/node/node-clock.ts'
import { buildBatch } from '../record/build.ts'
import { silentLogger } from '../telemetry/logger.ts'
import { EntryKind } from './format.ts'
import { Journal } from './journal.ts'
import { replayJournal } from './replay.ts'

const directory = '/journal'
const directoryId = new Uint8Array(16).fill(3)
const fileBytes = 4096

/** Notes what is done to files. */
class WatchedDisk extends MemoryDisk {
  readonly made: string[] = []
  readonly renamed: string[] = []
  readonly discarded: string[] = []

  override open(path: string, mode: 'read' | 'write' | 'create'): DiskFile {
    if (mode === 'create') this.made.push(path)
    return super.open(path, mode)
  }

  override rename(source: string, target: string): void {
    this.renamed.push(target)
    super.rename(source, target)
  }

  override async discard(path: string): Promise<void> {
    this.discarded.push(path)
    await super.discard(path)
  }
}

interface Running {
  disk: WatchedDisk
  journal: Journal
  /** Appends a batch and resolves with its sequence when it is synced. */
  append: () => Promise<number>
}

async function run(spareBytesMax: number): Promise<Running> {
  const disk = new WatchedDisk()
  disk.makeDirectory(directory)
  let committed = (_sequence: number): void => undefined
  const journal = await Journal.open({
    disk,
    clock: new NodeClock(),
    logger: silentLogger,
    directory,
    directoryId,
    fileBytes,
    spareBytesMax,
    nextSequence: 1,
    nextFileNumber: 1,
    committed: (sequence) => committed(sequence),
    failed: (error) => {
      throw error
    },
  })
  const payload = buildBatch([{ key: null, value: Buffer.alloc(1000, 'x') }], { baseTimestampMs: 1 })
  const append = (): Promise<number> =>
    new Promise((resolve) => {
      const due = journal.append(EntryKind.batch, 5, payload)
      committed = (sequence) => (sequence >= due ? resolve(due) : undefined)
    })
  return { disk, journal, append }
}

/** Sequences of the batches that a start after a kill would find. */
function found(disk: MemoryDisk): { sequences: number[]; tornBytes: number } {
  const sequences: number[] = []
  const options = { disk, logger: silentLogger, directory, directoryId, neededSequence: 1e9, provenSequence: 0 }
  const { tornBytes } = replayJournal(options, ({ kind, sequence }) => {
    if (kind === EntryKind.batch) sequences.push(sequence)
  })
  return { sequences, tornBytes }
}

describe('a journal whose files are trimmed', () => {
  it('uses them again, and replay finds what was appended since and nothing of before', async () => {
    const { disk, journal, append } = await run(fileBytes * 4)
    let trimmed = 0
    for (let i = 0; i < 200; i++) {
      const sequence = await append()
      const { sequences, tornBytes } = found(disk)
      // Between two batches there may be a mark.
      assert.ok(sequences[0]! <= trimmed + 2 && sequences.at(-1) === sequence)
      assert.equal(tornBytes, 0)
      assert.deepEqual(
        sequences,
        sequences.toSorted((one, other) => one - other),
      )
      if (i % 10 !== 9) continue
      trimmed = journal.oldestSealedSequence ?? trimmed
      await journal.trimTo(trimmed)
    }
    assert.ok(disk.renamed.length > 10)
    assert.deepEqual(disk.discarded, [])
    assert.ok(disk.made.length < 40 && new Set(disk.renamed).size === disk.renamed.length)
    await journal.close(true)
    assert.deepEqual(disk.list(directory), [])
  })

  it('removes them where no bytes are allowed for spares', async () => {
    const { disk, journal, append } = await run(0)
    for (let i = 0; i < 30; i++) await append()
    await journal.trimTo(journal.oldestSealedSequence!)
    assert.deepEqual(disk.renamed, [])
    assert.equal(disk.discarded.length, 1)
    await journal.close(true)
  })
})
