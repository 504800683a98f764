import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryDisk } from '../../host/memory/memory-disk.ts'
import { MetadataError } from '../metadata-error.ts'
import { noLease } from '../metadata-store.ts'
import type { KeyValue } from '../metadata-store.ts'
import { EmbeddedMetadataStore } from './embedded-store.ts'
import { checksumOf, encodeEntry } from './entry.ts'
import { ManualClock } from './manual-clock.fixture.ts'
import { recover } from './recovery.ts'
import type { Recovered } from './recovery.ts'
import { encodeSnapshot } from './snapshot.ts'
import { emptyState } from './state.ts'
import { storePath } from './store-file.ts'

const directory = 'metadata'
const path = storePath(directory)

interface Image {
  readonly bytes: Uint8Array
  /** State and file size after each write, oldest first. */
  readonly past: { revision: number; keyValues: readonly KeyValue[]; leases: string[]; size: number }[]
  readonly snapshotBytes: number
}

/** The file of a store with a snapshot that holds something, and entries of every kind. */
async function makeImage(): Promise<Image> {
  const disk = new MemoryDisk()
  const clock = new ManualClock()
  const before = await EmbeddedMetadataStore.open({ disk, clock, directory, limits: { entriesBytesMin: 1 } })
  const kept = await before.grantLease(60_000)
  await before.transaction({ then: [{ kind: 'put', key: 'old/1', value: 'one', lease: kept.id }] })
  for (let count = 0; count < 6; count++) {
    await before.transaction({ then: [{ kind: 'put', key: 'old/2', value: '€' }] })
  }
  await before.close()
  const store = await EmbeddedMetadataStore.open({ disk, clock, directory })
  const past: Image['past'] = []
  const remember = async (): Promise<void> => {
    const { revision, keyValues } = await store.range('')
    // Marks follow the answer; the next thing that is answered comes after it.
    await new Promise((resolve) => setImmediate(resolve))
    const size = disk.sizeOf(path)!
    past.push({ revision, keyValues, leases: leasesOf(readBack(disk)), size })
  }
  await remember()
  const lease = await store.grantLease(60_000)
  await remember()
  for (let index = 0; index < 4; index++) {
    await store.transaction({ then: [{ kind: 'put', key: `new/${index}`, value: 'x'.repeat(index), lease: lease.id }] })
    await remember()
  }
  await Promise.all([
    store.transaction({ then: [{ kind: 'delete', key: 'old/1' }] }),
    store.transaction({ then: [{ kind: 'put', key: 'old/2', value: 'changed' }] }),
  ])
  await remember()
  await store.revokeLease(lease.id)
  await remember()
  return { bytes: read(disk), past, snapshotBytes: readBack(disk).snapshotBytes }
}

test('each single bit that flips is detected or harmless', async () => {
  const { bytes, past } = await makeImage()
  const expected = past.at(-1)!
  const counts = { detected: 0, harmless: 0 }
  for (let position = 0; position < bytes.length; position++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = bytes.slice()
      flipped[position]! ^= 1 << bit
      const outcome = tryRecover(flipped)
      if (outcome instanceof MetadataError) {
        counts.detected++
        continue
      }
      counts.harmless++
      assert.deepEqual(summaryOf(outcome), summaryOf(expected), `byte ${position} bit ${bit} is silently wrong`)
    }
  }
  // Harmless is the mark at the end, 32 bytes that only say that the rest is sound.
  assert.deepEqual(counts, { detected: (bytes.length - 32) * 8, harmless: 32 * 8 })
})

test('a file cut anywhere loses only what was cut', async () => {
  const { bytes, past, snapshotBytes } = await makeImage()
  for (let length = 0; length < bytes.length; length++) {
    const outcome = tryRecover(bytes.subarray(0, length))
    if (length < snapshotBytes) {
      assert.ok(outcome instanceof MetadataError, `a snapshot of ${length} bytes is none`)
      continue
    }
    assert.ok(!(outcome instanceof MetadataError), `cut at ${length}`)
    const { revision } = outcome.state.keys
    if (length === snapshotBytes) assert.ok(revision > 1, 'the snapshot holds something')
    const least = past.findLast(({ size }) => size <= length)
    assert.ok(least === undefined || revision >= least.revision)
    // Also whole are the states before the first remembered one, and that within the group of two.
    const told = past.find((state) => state.revision === revision)
    if (told !== undefined) assert.deepEqual(outcome.state.keys.range('').keyValues, told.keyValues)
    else assert.ok(revision < past[0]!.revision || revision === past[6]!.revision - 1, `revision ${revision}`)
  }
})

test('damage in the middle is refused with file and position, and nothing is changed', async () => {
  const { bytes, past } = await makeImage()
  const from = past[2]!.size
  const damages: [number, (bytes: Uint8Array) => void][] = [
    [from, (damaged) => damaged.fill(0, from, from + 40)],
    [from, (damaged) => damaged.fill(0xff, from, past[4]!.size)],
    [0, (damaged) => damaged.fill(0, 0, 16)],
  ]
  for (const [position, damage] of damages) {
    const damaged = bytes.slice()
    damage(damaged)
    const disk = diskWith(damaged)
    await assert.rejects(EmbeddedMetadataStore.open({ disk, clock: new ManualClock(), directory }), (error) => {
      assert.ok(error instanceof MetadataError)
      assert.equal(error.kind, 'corrupt')
      assert.match(error.message, new RegExp(`metadata/metadata\\.store: damaged at byte ${position}:`))
      return true
    })
    assert.deepEqual(disk.list(directory), ['metadata.store'])
    assert.deepEqual(read(disk), damaged)
  }
})

test('a torn tail is cut, be it missing, zeroes or garbage, and the store goes on behind it', async () => {
  const { bytes, past } = await makeImage()
  const whole = past.at(-2)!
  const tails = [new Uint8Array(0), new Uint8Array(700), Uint8Array.from({ length: 700 }, (_, index) => index * 7)]
  for (const tail of tails) {
    const disk = diskWith(Buffer.concat([bytes.subarray(0, whole.size), tail]))
    let store = await EmbeddedMetadataStore.open({ disk, clock: new ManualClock(), directory })
    assert.equal((await store.range('')).revision, whole.revision)
    await store.transaction({ then: [{ kind: 'put', key: 'after', value: '' }] })
    await store.close()
    store = await EmbeddedMetadataStore.open({ disk, clock: new ManualClock(), directory })
    assert.equal((await store.get('after'))?.modRevision, whole.revision + 1)
    await store.close()
  }
})

test('a group torn in its first entry is cut with the sound entries behind it', async () => {
  const { bytes, past } = await makeImage()
  const start = past[5]!.size
  const group = bytes.slice(0, past[6]!.size - 32)
  group.fill(0, start, start + 32)
  const outcome = tryRecover(group)
  assert.ok(!(outcome instanceof MetadataError))
  assert.deepEqual(summaryOf(outcome), summaryOf(past[5]!))
})

test('an entry left over from a failed write does not fit behind the one that took its place', () => {
  const entry = (value: string, sequence: number, checksumPrevious: number): Buffer => {
    const changes = [{ key: `key/${sequence}`, value, lease: noLease }]
    const body = { kind: 'changes' as const, revision: sequence + 1, changes }
    return encodeEntry(body, { sequence, sequenceSynced: 0, checksumPrevious })
  }
  const snapshot = encodeSnapshot({ state: emptyState(), sequence: 0, checksum: 0 })
  const refused = entry('refused', 1, 0)
  const stale = entry('stale', 2, checksumOf(refused))
  const fitting = tryRecover(Buffer.concat([snapshot, refused, stale]))
  assert.ok(!(fitting instanceof MetadataError))
  assert.equal(fitting.state.keys.revision, 3)
  const outcome = tryRecover(Buffer.concat([snapshot, entry('written', 1, 0), stale]))
  assert.ok(!(outcome instanceof MetadataError))
  assert.deepEqual([outcome.state.keys.revision, outcome.clean], [2, false])
  assert.equal(outcome.state.keys.get('key/1')?.value, 'written')
})

function tryRecover(bytes: Uint8Array): Recovered | MetadataError {
  try {
    return recover(diskWith(bytes), path)!
  } catch (error) {
    assert.ok(error instanceof MetadataError && error.kind === 'corrupt', String(error))
    return error
  }
}

function diskWith(bytes: Uint8Array): MemoryDisk {
  const disk = new MemoryDisk()
  disk.makeDirectory(directory)
  const file = disk.open(path, 'create')
  file.write([bytes], 0)
  file.close()
  return disk
}

function read(disk: MemoryDisk): Uint8Array {
  const bytes = new Uint8Array(disk.sizeOf(path)!)
  const file = disk.open(path, 'read')
  file.readNow(bytes, 0)
  file.close()
  return bytes
}

function readBack(disk: MemoryDisk): Recovered {
  return recover(disk, path)!
}

function leasesOf(recovered: Recovered): string[] {
  return [...recovered.state.leases.entries()].map(([id, ttlMs]) => `${id}:${ttlMs}`)
}

function summaryOf(state: Recovered | Image['past'][number]): unknown {
  if (!('state' in state)) return [state.revision, state.keyValues, state.leases]
  const { keys } = state.state
  return [keys.revision, keys.range('').keyValues, leasesOf(state)]
}
