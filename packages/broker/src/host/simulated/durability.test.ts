import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Disk, DiskFile } from '../disk.ts'
import type { SimulatedRandom } from './simulated-random.ts'
import { SimulatedWorld } from './simulated-world.ts'

/**
 * A program of random operations, then a loss of power, for many seeds. A model keeps what the durability contract of
 * host/disk.ts promises: bytes synced and not touched since, and names synced and not touched since. All of it must be
 * there afterwards. Replay one seed with `runAndCrash(seed)`.
 */
const seedCount = 140
const fileBytesMax = 8192

interface ModelFile {
  file: DiskFile
  content: Uint8Array
  /** What the last sync covered. */
  promised: Uint8Array
  /** 1 for each byte changed since, of which nothing is promised. */
  changed: Uint8Array
}

class Model {
  readonly #disk: Disk
  readonly #random: SimulatedRandom
  readonly files = new Map<string, ModelFile>()
  /** Names whose last change was synced; the others may be there or not. */
  readonly names = new Map<string, ModelFile>()
  #count = 0

  constructor(disk: Disk, random: SimulatedRandom) {
    this.#disk = disk
    this.#random = random
  }

  create(): void {
    const name = `f${(this.#count += 1)}`
    const file = this.#disk.open(name, 'create')
    const size = fileBytesMax * 2
    this.files.set(name, {
      file,
      content: new Uint8Array(0),
      promised: new Uint8Array(0),
      changed: new Uint8Array(size),
    })
  }

  write(): void {
    const each = this.#pick()?.[1]
    if (each === undefined) return
    const position = this.#random.below(fileBytesMax)
    const bytes = this.#random.bytes(1 + this.#random.below(2000))
    each.file.write([bytes], position)
    each.content = grown(each.content, position + bytes.length)
    each.content.set(bytes, position)
    each.changed.fill(1, position, position + bytes.length)
  }

  truncate(): void {
    const each = this.#pick()?.[1]
    if (each === undefined) return
    const size = this.#random.below(fileBytesMax)
    each.file.truncate(size)
    each.content = grown(each.content.slice(0, size), size)
    each.changed.fill(1, size)
  }

  rename(): void {
    const picked = this.#pick()
    if (picked === undefined) return
    const target = this.#random.chance(0.5) ? (this.#pick()?.[0] ?? '') : `f${(this.#count += 1)}`
    if (target === picked[0]) return
    this.#disk.rename(picked[0], target)
    this.files.delete(picked[0])
    this.files.set(target, picked[1])
    this.names.delete(picked[0])
    this.names.delete(target)
  }

  remove(): void {
    const picked = this.#pick()
    if (picked === undefined) return
    this.#disk.remove(picked[0])
    this.files.delete(picked[0])
    this.names.delete(picked[0])
  }

  /** Starts a sync; what it promises holds once the promise has resolved, and `end` is called. */
  sync(): { promise: Promise<void>; end: () => void } {
    const each = this.#pick()?.[1]
    if (each === undefined) return { promise: Promise.resolve(), end: () => {} }
    const covered = each.content.slice()
    each.changed.fill(0)
    return {
      promise: each.file.sync(),
      end: () => {
        each.promised = covered
      },
    }
  }

  syncNames(): { promise: Promise<void>; end: () => void } {
    const covered = new Map(this.files)
    return {
      promise: this.#disk.syncDirectory(''),
      end: () => {
        this.names.clear()
        for (const [name, file] of covered) if (this.files.get(name) === file) this.names.set(name, file)
      },
    }
  }

  check(disk: Disk, seed: number): void {
    for (const [name, each] of this.names) {
      const size = disk.sizeOf(name)
      assert.ok(size !== undefined, `seed ${seed}: the synced name ${name} is gone`)
      const bytes = new Uint8Array(size)
      disk.open(name, 'read').readNow(bytes, 0)
      each.promised.forEach((byte, position) => {
        if (each.changed[position] === 0) {
          assert.equal(bytes[position], byte, `seed ${seed}: synced byte ${position} of ${name}`)
        }
      })
    }
  }

  #pick(): [string, ModelFile] | undefined {
    const all = [...this.files]
    return all[this.#random.below(all.length)]
  }
}

function grown(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length >= size) return bytes
  const result = new Uint8Array(size)
  result.set(bytes)
  return result
}

/** Returns how many synced bytes were checked. */
async function runAndCrash(seed: number): Promise<number> {
  const world = new SimulatedWorld(seed)
  const node = world.node('one')
  const random = world.scheduler.random.stream('program')
  const model = new Model(node.host.disk, random)
  for (let count = 10 + random.below(40); count > 0; count -= 1) {
    const draw = random.next()
    if (draw < 0.15) model.create()
    else if (draw < 0.55) model.write()
    else if (draw < 0.62) model.truncate()
    else if (draw < 0.68) model.rename()
    else if (draw < 0.7) model.remove()
    else {
      const { promise, end } = draw < 0.88 ? model.sync() : model.syncNames()
      await world.scheduler.complete(promise)
      end()
    }
  }
  node.losePower()
  model.check(node.powerOn().disk, seed)
  let checked = 0
  for (const each of model.names.values()) checked += each.promised.filter((_, at) => each.changed[at] === 0).length
  return checked
}

describe('a simulated disk', () => {
  it(`keeps every synced byte and name through every crash, over ${seedCount} seeds`, async () => {
    let checked = 0
    for (let seed = 0; seed < seedCount; seed += 1) checked += await runAndCrash(seed)
    assert.ok(checked > 250_000, `only ${checked} bytes were checked`)
  })
})
