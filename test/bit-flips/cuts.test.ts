import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import {
  decodeFileHeader,
  entryHeaderBytes,
  fileHeaderBytes,
  readEntryHeader,
} from '../../packages/broker/src/journal/format.ts'
import { LogStore } from '../../packages/broker/src/log/store.ts'
import { buildBatch } from '../../packages/broker/src/record/build.ts'
import type { Golden, Moment } from './golden.ts'
import { diskWith, goldenOptions, makeGolden } from './golden.ts'
import type { Outcome } from './outcome.ts'
import { outcomeOf } from './outcome.ts'

/** How many batches at the end of a file are cut at each of their bytes. */
const batchCount = 3

describe('a file that ends too early, or too late', () => {
  let golden: Golden

  before(async () => {
    golden = await makeGolden()
  })

  it('is never served short: a segment cut at every byte of its last three batches', async () => {
    for (const name of ['stopped', 'killed'] as const) {
      const moment = golden[name]
      const path = '/data/logs/large-0.1/00000000000000000076.log'
      const outcomes = await tryCuts(moment, path, lastBytes(moment, 'large-0'))
      // What was acknowledged into this segment alone cannot be the same; what the journal still has can.
      assert.equal(outcomes.torn, 0)
      assert.ok(outcomes.detected + outcomes.same > 1000, JSON.stringify(outcomes))
      if (name === 'stopped') assert.equal(outcomes.same, 0)
    }
  })

  it('is not taken for a torn tail: the journal cut at every byte of its last three batches', async () => {
    const path = lastJournal(golden.killed)
    const end = entriesEnd(golden.killed.files.get(path)!)
    const outcomes = await tryCuts(golden.killed, path, Math.min(end, 3 * 2000), end)
    assert.deepEqual(outcomes, { same: 0, detected: Math.min(end, 3 * 2000), torn: 0 })
  })

  it('may have zeroes or a hole behind it', async () => {
    for (const [path, bytes] of golden.killed.files) {
      if (!path.endsWith('.log') && !path.endsWith('.journal')) continue
      const longer = new Uint8Array(bytes.length + 5000)
      longer.set(bytes)
      const files = new Map(golden.killed.files).set(path, longer)
      assert.ok((await outcomeOf(files, golden.killed.logs)) !== 'torn', path)
    }
  })

  it('keeps what is appended behind it over two restarts (LavinMQ #387)', async () => {
    const path = '/data/logs/large-0.1/00000000000000000076.log'
    const bytes = golden.killed.files.get(path)!
    for (const tail of [new Uint8Array(4096), new Uint8Array(4096).fill(0xff), bytes.subarray(0, 700)]) {
      await restartTwice(new Map(golden.killed.files).set(path, Buffer.concat([bytes, tail])))
    }
  })
})

async function restartTwice(files: Map<string, Uint8Array>): Promise<void> {
  const disk = diskWith(files)
  const appended: number[] = []
  for (let round = 0; round < 3; round++) {
    const store = await LogStore.open(goldenOptions(disk))
    const log = store.get('large-0')!
    assert.equal(log.damage, undefined)
    for (const offset of appended) {
      const read = await log.read(offset, log.endOffset, 100, true)
      assert.ok(Buffer.concat(read.chunks).includes(`after restart at ${offset}`), `round ${round}, offset ${offset}`)
    }
    const text = Buffer.from(`after restart at ${log.endOffset}`)
    const durable = new Promise<void>((resolve) => {
      log.onChange = () => (log.durableOffset === log.endOffset ? resolve() : undefined)
    })
    appended.push(log.append(buildBatch([{ key: null, value: text }], { baseTimestampMs: 1 }), false, 3))
    await durable
  }
  assert.equal(new Set(appended).size, 3)
}

/** Cuts the file at each of the `count` bytes before `end`. */
async function tryCuts(
  moment: Moment,
  path: string,
  count: number,
  end = moment.files.get(path)!.length,
): Promise<Record<Outcome, number>> {
  const outcomes = { same: 0, detected: 0, torn: 0 }
  const bytes = moment.files.get(path)!
  for (let size = end - count; size < end; size++) {
    const files = new Map(moment.files).set(path, bytes.subarray(0, size))
    outcomes[await outcomeOf(files, moment.logs)]++
  }
  return outcomes
}

function lastBytes(moment: Moment, name: string): number {
  const last = moment.logs.get(name)!.slice(-batchCount)
  return last.reduce((sum, batch) => sum + batch.bytes.length, 0) - 1
}

/** The journal file that was written last: later ones are spares. */
function lastJournal({ files }: Moment): string {
  const begun = [...files].filter(([path, bytes]) => {
    return path.endsWith('.journal') && (decodeFileHeader(Buffer.from(bytes))?.firstSequence ?? 0) > 0
  })
  return begun
    .map(([path]) => path)
    .toSorted()
    .at(-1)!
}

/** End of the entries of a journal file; behind it are zeroes, or what is left of its former life. */
function entriesEnd(bytes: Uint8Array): number {
  const file = Buffer.from(bytes)
  let at = fileHeaderBytes
  for (let entry = readEntryHeader(file, at); entry.kind !== 0; entry = readEntryHeader(file, at)) {
    at += entryHeaderBytes + entry.payloadBytes
  }
  return at
}
