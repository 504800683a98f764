import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryGroupLog } from './testing/memory-group-log.ts'
import { SharedReplay } from './shared-replay.ts'

describe('a shared replay', () => {
  it('reads once for those who ask in the same turn, and again for who comes later', async () => {
    const inner = new MemoryGroupLog(2)
    const key = Buffer.from('key')
    inner.inject(1, key, null)
    let reads = 0
    const replay = inner.replay.bind(inner)
    inner.replay = (partition, visit) => {
      reads++
      return replay(partition, visit)
    }
    const log = new SharedReplay(inner)
    const seen: string[] = []
    const visitor = (name: string) => (bytes: Uint8Array) => seen.push(`${name} ${String(Buffer.from(bytes))}`)
    await Promise.all([log.replay(1, visitor('a')), log.replay(1, visitor('b')), log.replay(0, visitor('c'))])
    assert.deepEqual([seen, reads], [['a key', 'b key'], 2])
    await log.replay(1, visitor('d'))
    assert.deepEqual([seen.at(-1), reads], ['d key', 3])
  })

  it('tells all of a failure', async () => {
    const inner = new MemoryGroupLog(1)
    inner.replay = () => Promise.reject(new Error('unreadable'))
    const log = new SharedReplay(inner)
    const outcomes = await Promise.allSettled([log.replay(0, () => undefined), log.replay(0, () => undefined)])
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
  })
})
