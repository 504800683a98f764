import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Disk, DiskErrorKind, DiskFile } from '../../packages/broker/src/host/disk.ts'
import { DiskError } from '../../packages/broker/src/host/disk.ts'
import type { Stage } from './stage.ts'

export interface DiskSubject extends Stage {
  disk: Disk
  /** An empty folder for the test. */
  folder: string
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

function contentOf(file: DiskFile): string {
  const target = new Uint8Array(file.size())
  assert.equal(file.readNow(target, 0), target.length)
  return textOf(target)
}

function isKind(kind: DiskErrorKind): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof DiskError, String(error))
    assert.equal(error.kind, kind)
    assert.ok(error.message.startsWith(error.path))
    return true
  }
}

/** What every Disk must do as long as nobody pulls the plug. */
export function describeDiskContract(name: string, make: () => DiskSubject): void {
  describe(`Disk: ${name}`, () => {
    describeFiles(make)
    describeReads(make)
    describeNames(make)
    describeLocks(make)
  })
}

function describeFiles(make: () => DiskSubject): void {
  it('opens a file in each mode only as that mode allows', () => {
    const { disk, folder } = make()
    assert.throws(() => disk.open(`${folder}/a`, 'read'), isKind('not-found'))
    const made = disk.open(`${folder}/a`, 'create')
    assert.equal(made.path, `${folder}/a`)
    assert.throws(() => disk.open(`${folder}/a`, 'create'), isKind('exists'))
    made.write([bytesOf('x')], 0)
    const again = disk.open(`${folder}/a`, 'write')
    assert.equal(contentOf(again), 'x')
    const reader = disk.open(`${folder}/a`, 'read')
    assert.throws(() => reader.write([bytesOf('y')], 0), DiskError)
    assert.equal(contentOf(reader), 'x')
    assert.throws(() => disk.open(`${folder}/none/a`, 'write'), isKind('not-found'))
    for (const file of [made, again, reader]) file.close()
  })

  it('writes all chunks one after the other at the position', () => {
    const { disk, folder } = make()
    const file = disk.open(`${folder}/a`, 'create')
    file.write([bytesOf('hello'), bytesOf(''), bytesOf(' world')], 0)
    file.write([bytesOf('J')], 0)
    file.write([], 3)
    assert.equal(contentOf(file), 'Jello world')
    file.write([bytesOf('!')], 14)
    assert.equal(contentOf(file), 'Jello world\0\0\0!')
    assert.equal(file.size(), 15)
    assert.equal(disk.sizeOf(`${folder}/a`), 15)
    file.close()
  })

  it('writes many chunks of any size', () => {
    const { disk, folder } = make()
    const file = disk.open(`${folder}/a`, 'create')
    for (const [chunkCount, chunkBytes] of [
      [3000, 7],
      [40, 5000],
      [1500, 5000],
      [3, 200_000],
    ] as const) {
      const chunks = Array.from({ length: chunkCount }, (_, index) => new Uint8Array(chunkBytes).fill(index % 251))
      file.write(chunks, 11)
      const target = new Uint8Array(chunkCount * chunkBytes)
      assert.equal(file.readNow(target, 11), target.length)
      assert.ok(chunks.every((chunk, index) => target[index * chunkBytes] === chunk[0]))
      assert.ok(chunks.every((chunk, index) => target[(index + 1) * chunkBytes - 1] === chunk[0]))
    }
    file.close()
  })

  it('takes a copy of what it writes', () => {
    const { disk, folder } = make()
    const file = disk.open(`${folder}/a`, 'create')
    const chunk = bytesOf('abc')
    file.write([chunk], 0)
    chunk.fill(0)
    assert.equal(contentOf(file), 'abc')
    file.close()
  })

  it('cuts and extends', () => {
    const { disk, folder } = make()
    const file = disk.open(`${folder}/a`, 'create')
    file.write([bytesOf('abcdef')], 0)
    file.truncate(3)
    assert.equal(contentOf(file), 'abc')
    file.truncate(5)
    assert.equal(contentOf(file), 'abc\0\0')
    file.write([new Uint8Array(200_000).fill(7)], 0)
    file.truncate(70_000)
    file.truncate(150_000)
    const target = new Uint8Array(150_000)
    file.readNow(target, 0)
    assert.equal(target[69_999], 7)
    assert.ok(target.subarray(70_000).every((byte) => byte === 0))
    file.close()
  })

  it('syncs a file, an unchanged file and a folder', async () => {
    const { disk, folder, settle } = make()
    const file = disk.open(`${folder}/a`, 'create')
    file.write([bytesOf('abc')], 0)
    await settle(file.sync())
    await settle(Promise.all([file.sync(), file.sync()]))
    await settle(disk.syncDirectory(folder))
    await assert.rejects(settle(disk.syncDirectory(`${folder}/none`)), isKind('not-found'))
    assert.equal(contentOf(file), 'abc')
    file.close()
  })

  it('lets a file be closed twice and used no more', () => {
    const { disk, folder } = make()
    const file = disk.open(`${folder}/a`, 'create')
    file.close()
    file.close()
    assert.throws(() => file.write([bytesOf('x')], 0))
    assert.throws(() => file.size())
  })

  it('takes positions that are no whole numbers for the bug they are', () => {
    const { disk, folder } = make()
    const file = disk.open(`${folder}/a`, 'create')
    for (const position of [-1, 0.5, Number.NaN, 2 ** 53]) {
      assert.throws(() => file.write([bytesOf('x')], position), RangeError)
      assert.throws(() => file.readNow(new Uint8Array(1), position), RangeError)
      assert.throws(() => file.truncate(position), RangeError)
    }
    file.close()
  })
}

function describeReads(make: () => DiskSubject): void {
  it('reads the same at once and later, and less only at the end', async () => {
    const { disk, folder, settle } = make()
    const file = disk.open(`${folder}/a`, 'create')
    const content = new Uint8Array(300_000).map((_, index) => index % 253)
    file.write([content], 0)
    for (const [position, length] of [
      [0, 0],
      [0, 10],
      [65_530, 20],
      [0, 300_000],
      [299_990, 50],
      [300_000, 5],
      [400_000, 5],
    ] as const) {
      const now = new Uint8Array(length).fill(255)
      const later = new Uint8Array(length).fill(255)
      const expected = content.subarray(position, position + length)
      assert.equal(file.readNow(now, position), expected.length)
      assert.equal(await settle(file.read(later, position)), expected.length)
      assert.deepEqual(now.subarray(0, expected.length), expected)
      assert.deepEqual(later, now)
    }
    file.close()
  })

  it('shows one handle what another has written', () => {
    const { disk, folder } = make()
    const writer = disk.open(`${folder}/a`, 'create')
    const reader = disk.open(`${folder}/a`, 'read')
    writer.write([bytesOf('abc')], 0)
    assert.equal(contentOf(reader), 'abc')
    writer.close()
    reader.close()
  })

  it('keeps a removed or replaced file for those who have it open', () => {
    const { disk, folder } = make()
    const file = disk.open(`${folder}/a`, 'create')
    file.write([bytesOf('old')], 0)
    const other = disk.open(`${folder}/b`, 'create')
    other.write([bytesOf('new')], 0)
    disk.rename(`${folder}/b`, `${folder}/a`)
    assert.equal(contentOf(file), 'old')
    disk.remove(`${folder}/a`)
    assert.equal(contentOf(other), 'new')
    other.write([bytesOf('newer')], 0)
    assert.equal(contentOf(other), 'newer')
    file.close()
    other.close()
  })
}

function describeNames(make: () => DiskSubject): void {
  it('lists names sorted by code unit', () => {
    const { disk, folder } = make()
    assert.deepEqual(disk.list(folder), [])
    for (const each of ['b', 'a', 'B', '10', '9']) disk.open(`${folder}/${each}`, 'create').close()
    disk.makeDirectory(`${folder}/aa`)
    assert.deepEqual(disk.list(folder), ['10', '9', 'B', 'a', 'aa', 'b'])
    assert.throws(() => disk.list(`${folder}/none`), isKind('not-found'))
    assert.throws(() => disk.list(`${folder}/a`), isKind('not-found'))
  })

  it('knows the size of files only', () => {
    const { disk, folder } = make()
    disk.open(`${folder}/a`, 'create').close()
    assert.equal(disk.sizeOf(`${folder}/a`), 0)
    assert.equal(disk.sizeOf(`${folder}/none`), undefined)
    assert.equal(disk.sizeOf(`${folder}/a/b`), undefined)
    assert.equal(disk.sizeOf(folder), undefined)
  })

  it('makes folders with their parents, again and again', () => {
    const { disk, folder } = make()
    disk.makeDirectory(`${folder}/a/b/c`)
    disk.makeDirectory(`${folder}/a/b`)
    assert.deepEqual(disk.list(`${folder}/a`), ['b'])
    disk.open(`${folder}/a/b/c/file`, 'create').close()
    assert.deepEqual(disk.list(`${folder}/a/b/c`), ['file'])
    assert.throws(() => disk.makeDirectory(`${folder}/a/b/c/file`), isKind('exists'))
  })

  it('renames files, in place of others, and folders', () => {
    const { disk, folder } = make()
    for (const each of ['a', 'b']) {
      const file = disk.open(`${folder}/${each}`, 'create')
      file.write([bytesOf(`was ${each}`)], 0)
      file.close()
    }
    disk.rename(`${folder}/a`, `${folder}/b`)
    assert.deepEqual(disk.list(folder), ['b'])
    disk.makeDirectory(`${folder}/from`)
    disk.rename(`${folder}/b`, `${folder}/from/c`)
    disk.rename(`${folder}/from`, `${folder}/to`)
    assert.deepEqual(disk.list(folder), ['to'])
    const moved = disk.open(`${folder}/to/c`, 'read')
    assert.equal(contentOf(moved), 'was a')
    moved.close()
    disk.rename(`${folder}/to/c`, `${folder}/to/c`)
    assert.deepEqual(disk.list(`${folder}/to`), ['c'])
    assert.throws(() => disk.rename(`${folder}/none`, `${folder}/x`), isKind('not-found'))
    assert.throws(() => disk.rename(`${folder}/to`, `${folder}/to/x`), DiskError)
  })

  it('discards a file by the time the promise is kept, and what is not there', async () => {
    const { disk, folder, settle } = make()
    disk.open(`${folder}/a`, 'create').close()
    await settle(disk.discard(`${folder}/a`))
    await settle(disk.discard(`${folder}/a`))
    assert.deepEqual(disk.list(folder), [])
  })

  it('removes files and whole folders, and what is not there', () => {
    const { disk, folder } = make()
    disk.makeDirectory(`${folder}/a/b`)
    disk.open(`${folder}/a/x`, 'create').close()
    disk.open(`${folder}/a/b/y`, 'create').close()
    disk.remove(`${folder}/a/x`)
    disk.remove(`${folder}/a/x`)
    assert.deepEqual(disk.list(`${folder}/a`), ['b'])
    assert.throws(() => disk.remove(`${folder}/a/b`), DiskError)
    disk.removeDirectory(`${folder}/a`)
    disk.removeDirectory(`${folder}/a`)
    assert.deepEqual(disk.list(folder), [])
  })

  it('tells how much space there is', () => {
    const { disk, folder } = make()
    const { freeBytes, totalBytes } = disk.space(folder)
    assert.ok(Number.isSafeInteger(freeBytes) && freeBytes > 0)
    assert.ok(freeBytes <= totalBytes)
    assert.throws(() => disk.space(`${folder}/none`), isKind('not-found'))
  })
}

function describeLocks(make: () => DiskSubject): void {
  it('gives a lock to one at a time', () => {
    const { disk, folder } = make()
    const lock = disk.lock(`${folder}/lock`)
    assert.throws(() => disk.lock(`${folder}/lock`), isKind('locked'))
    assert.deepEqual(disk.list(folder), ['lock'])
    disk.lock(`${folder}/other`).release()
    lock.release()
    lock.release()
    const again = disk.lock(`${folder}/lock`)
    lock.release()
    assert.throws(() => disk.lock(`${folder}/lock`), isKind('locked'))
    again.release()
    assert.deepEqual(disk.list(folder), [])
    assert.throws(() => disk.lock(`${folder}/none/lock`), isKind('not-found'))
  })
}
