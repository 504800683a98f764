import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AcknowledgeType } from './queue-messages.ts'
import { compactLog } from './testing/compact-log.ts'
import { queueId, QueueWorld } from './testing/queue-world.ts'

const runCount = Number(process.env['RUNS'] ?? 25)
const members = ['a', 'b', 'c'] as const
const deliveryCountMax = 4

const member = fc.constantFrom(...members)
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('append'), count: fc.integer({ min: 1, max: 8 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('acquire'),
      member,
      recordsMax: fc.integer({ min: 1, max: 10 }),
      mode: fc.constantFrom<'batch-optimized' | 'record-limit'>('batch-optimized', 'record-limit'),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('say'),
      member,
      pick: fc.nat(),
      type: fc.constantFrom<AcknowledgeType>('accept', 'accept', 'accept', 'release', 'reject', 'renew'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave'), member, isAttempt: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('time'), ms: fc.constantFrom(1, 300, 1200) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail'), kept: fc.boolean() }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** Plays the members, and remembers what was promised to them. */
class Players {
  readonly world: QueueWorld
  readonly held = new Map<string, Set<number>>(members.map((name) => [name, new Set()]))
  /** Messages whose end was confirmed. */
  readonly ended = new Set<number>()
  /** Messages whose end may have been written although the member was told that it was not. */
  readonly doubtful = new Set<number>()

  constructor(world: QueueWorld) {
    this.world = world
  }

  async acquire(memberId: string, recordsMax: number, mode: 'batch-optimized' | 'record-limit'): Promise<void> {
    const request = { ...queueId, memberId, recordsMax, bytesMax: 1 << 20, atLeastOne: true, mode }
    const acquired = await this.world.eventually(this.world.acquireRaw(request))
    acquired.release()
    for (const { firstOffset, lastOffset } of acquired.ranges) {
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        ok(!this.ended.has(offset), `${offset} is delivered although its end was confirmed`)
        this.held.get(memberId)!.add(offset)
      }
    }
  }

  /** @returns whether the queue did it */
  async say(memberId: string, offset: number, type: AcknowledgeType): Promise<boolean> {
    const { world } = this
    const each = { firstOffset: offset, lastOffset: offset, types: [type] }
    const fault = await world.eventually(world.queues.acknowledge(queueId, memberId, [each]))
    if (fault !== undefined) {
      ok(fault === 'invalid-record-state' || fault === 'storage', fault)
      if (fault === 'storage' && (type === 'accept' || type === 'reject')) this.doubtful.add(offset)
      return false
    }
    if (type !== 'renew') this.held.get(memberId)!.delete(offset)
    if (type === 'accept' || type === 'reject') this.ended.add(offset)
    return true
  }

  async run(each: Step): Promise<void> {
    const { world } = this
    if (each.kind === 'append') await world.append(each.count)
    else if (each.kind === 'acquire') await this.acquire(each.member, each.recordsMax, each.mode)
    else if (each.kind === 'say') {
      const held = [...this.held.get(each.member)!]
      if (held.length > 0) await this.say(each.member, held[each.pick % held.length]!, each.type)
    } else if (each.kind === 'leave') {
      await world.eventually(world.queues.releaseMember('g', each.member, { isAttempt: each.isAttempt }))
      this.held.get(each.member)!.clear()
    } else if (each.kind === 'time') await world.run(each.ms)
    else if (each.kind === 'crash') await world.restart()
    else if (each.kind === 'compact') compactLog(world.log)
    else {
      world.log.failure = { code: 'storage', kept: each.kept }
      await world.run(5)
      const [held] = this.held.get('a')!
      if (held !== undefined) await this.say('a', held, 'accept')
      world.log.failure = null
    }
  }

  /** Accepts everything that still comes, until nothing does. */
  async finish(): Promise<void> {
    await this.world.run(20_000)
    for (let quiet = 0; quiet < 3; ) {
      const before = this.ended.size
      await this.acquire('z', 100, 'batch-optimized')
      for (const offset of this.held.get('z')!) await this.say('z', offset, 'accept')
      quiet = this.ended.size === before ? quiet + 1 : 0
      await this.world.run(2000)
    }
  }
}

test('every message ends once: accepted, or among the dead letters, whatever happens in between', async () => {
  const property = fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
    const world = await QueueWorld.make({ lockDurationMs: 1000, deliveryCountMax, deadLetterTopic: 'dead' })
    const players = new Players(world)
    players.held.set('z', new Set())
    for (const each of steps) await players.run(each)
    await players.finish()
    const dead = new Set(
      world.dead.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, at) => first + at)),
    )
    const messageCount = world.partition.highWatermark
    const lost = Array.from({ length: messageCount }, (_, offset) => offset).filter(
      (offset) => !players.ended.has(offset) && !players.doubtful.has(offset) && !dead.has(offset),
    )
    deepEqual(lost, [], 'neither accepted nor among the dead letters')
    const summary = await world.queues.summary(queueId)
    if (messageCount > 0) equal(summary?.startOffset, messageCount)
    equal(world.partition.readsOpen, 0)
  })
  await fc.assert(property, { numRuns: runCount })
})
