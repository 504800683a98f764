import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ChangeBatch } from './change.ts'
import type { GroupQueueConfig } from './group-queue-config.ts'
import { QueuePartition } from './queue-partition.ts'
import type { Acknowledgement, AcknowledgeType } from './queue-messages.ts'
import type { QueueWrite } from './queue-store.ts'
import { testGroupConfig } from './testing/group-config.ts'
import { ModelStore, QueueModel, viewOfModel, viewOfQueue } from './testing/queue-model.ts'

const messageCount = 40
const runCount = Number(process.env['RUNS'] ?? 1000)

const offset = fc.nat(messageCount - 1)
const length = fc.integer({ min: 1, max: 12 })
const member = fc.constantFrom('a', 'b', 'c')
const type = fc.constantFrom<AcknowledgeType>('accept', 'accept', 'release', 'reject', 'renew', 'gap')

const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('acquire'), member, offset, length, max: fc.nat(15) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('acknowledge'),
      member,
      /** What is held makes most of them valid; now and then something else is named. */
      pick: fc.nat(),
      length,
      types: fc.array(type, { minLength: 1, maxLength: 12 }),
      delayMs: fc.constantFrom(undefined, undefined, 0, 50),
      isWild: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave'), member, isAttempt: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('skip'),
      offset,
      length,
      reason: fc.constantFrom<'gap' | 'filtered' | 'expired'>('gap', 'filtered', 'expired'),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('time'), ms: fc.constantFrom(1, 40, 100, 1000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('start'), offset }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('dead'), isDone: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('take') }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('finish'),
      outcome: fc.constantFrom<'done' | 'lost' | 'unknown'>('done', 'done', 'lost', 'unknown'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash') }) },
)
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never
type Acknowledge = Extract<Operation, { kind: 'acknowledge' }>

function lastOf(span: { offset: number; length: number }): number {
  return Math.min(messageCount - 1, span.offset + span.length - 1)
}

/** The queue and its model, side by side, over one store. */
class Pair {
  readonly store = new ModelStore()
  readonly config: GroupQueueConfig
  queue: QueuePartition
  model: QueueModel
  inFlight: { batch: ChangeBatch; write: Pick<QueueWrite, 'startOffset' | 'ranges' | 'settledCount'> } | undefined
  openCount = 0
  logStart = 0

  constructor(config: GroupQueueConfig) {
    this.config = config
    this.queue = new QueuePartition(() => config, 0)
    this.model = new QueueModel(messageCount, config, this.store)
  }

  get nowMs(): number {
    return this.model.nowMs
  }

  crash(): void {
    const { nowMs } = this.model
    this.queue.end('stopping')
    this.openCount = 0
    this.inFlight = undefined
    this.queue = new QueuePartition(() => this.config, this.store.startOffset, this.store.ranges())
    this.model = new QueueModel(messageCount, this.config, this.store)
    this.model.nowMs = nowMs
    this.moveStart(this.logStart)
  }

  moveStart(to: number): void {
    this.logStart = Math.max(this.logStart, to)
    this.queue.advanceStart(this.logStart)
    this.model.advanceStart(this.logStart)
  }

  acquire(memberId: string, first: number, last: number, countMax: number): void {
    const ranges = this.queue.acquire(memberId, first, last, countMax, this.nowMs)
    const taken = ranges.flatMap(({ firstOffset, lastOffset }) =>
      Array.from({ length: lastOffset - firstOffset + 1 }, (_, at) => firstOffset + at),
    )
    deepEqual(taken, this.model.acquire(memberId, first, last, countMax))
  }

  acknowledge({ member: memberId, pick, length: count, types, delayMs, isWild }: Acknowledge): void {
    const held = [...this.model.messages.keys()].filter((each) => isWild || this.model.holds(memberId, each))
    if (held.length === 0) return
    const firstOffset = held[pick % held.length]!
    let lastOffset = firstOffset
    while (lastOffset - firstOffset + 1 < count && held.includes(lastOffset + 1)) lastOffset++
    const size = lastOffset - firstOffset + 1
    const cut = types.length >= size ? types.slice(0, size) : [types[0]!]
    const acknowledgement: Acknowledgement = { firstOffset, lastOffset, types: cut, retryDelayMs: delayMs }
    const { startOffset } = this.model
    const named = Array.from({ length: size }, (_, at) => firstOffset + at).filter((each) => each >= startOffset)
    const isFine = named.every((each) => this.model.holds(memberId, each))
    this.openCount++
    const { store } = this
    const fault = this.queue.acknowledge(memberId, [acknowledgement], this.nowMs, (failure) => {
      this.openCount--
      if (failure !== undefined) return
      for (const each of named) {
        const said = cut[cut.length === 1 ? 0 : each - firstOffset]!
        if (said === 'renew' || said === 'release' || each < this.logStart) continue
        ok(store.isSettled(each), `offset ${each} was answered before it was written`)
      }
    })
    equal(fault, isFine ? undefined : 'invalid-record-state')
    if (fault !== undefined) this.openCount--
    if (isFine) for (const each of named) this.model.say(each, cut[cut.length === 1 ? 0 : each - firstOffset]!, delayMs)
  }

  take(): void {
    if (this.inFlight !== undefined) return
    const batch = this.queue.takeChanges()
    if (batch === undefined) return
    this.model.move('queued', 'writing')
    this.inFlight = { batch, write: this.queue.describeWrite(batch) }
  }

  finish(outcome: 'done' | 'lost' | 'unknown'): void {
    const { inFlight } = this
    if (inFlight === undefined) return
    this.inFlight = undefined
    // A failure that is only believed to be one: the store may have it all the same.
    if (outcome !== 'lost') this.store.apply(inFlight.write)
    this.model.finish(outcome === 'done')
    if (outcome === 'done') this.queue.committed(inFlight.batch, this.nowMs)
    else this.queue.failed(inFlight.batch, this.nowMs, 'storage')
  }

  dead(isDone: boolean): void {
    const changes = this.queue.takeDead()
    if (isDone) {
      this.queue.deadLettered(changes)
      this.model.move('dead', 'queued')
    } else {
      this.queue.deadLetterFailed(changes, this.nowMs, 'unknown-topic')
      this.model.deadLettersFailed()
    }
  }

  run(step: Operation): void {
    switch (step.kind) {
      case 'acquire':
        this.acquire(step.member, step.offset, lastOf(step), step.max)
        break
      case 'acknowledge':
        this.acknowledge(step)
        break
      case 'leave':
        this.queue.releaseMember(step.member, step.isAttempt)
        this.model.releaseMember(step.member, step.isAttempt)
        break
      case 'skip':
        this.queue.skip(step.offset, lastOf(step), step.reason)
        this.model.skip(step.offset, lastOf(step), step.reason)
        break
      case 'time':
        this.model.nowMs += step.ms
        this.queue.expire(this.nowMs)
        this.model.expire()
        break
      case 'start':
        this.moveStart(Math.floor(step.offset / 2))
        break
      case 'dead':
        this.dead(step.isDone)
        break
      case 'take':
        this.take()
        break
      case 'finish':
        this.finish(step.outcome)
        break
      case 'crash':
        this.crash()
        break
    }
  }

  check(): void {
    deepEqual(viewOfQueue(this.queue, messageCount), viewOfModel(this.model))
    equal(this.queue.startOffset, this.model.startOffset, 'start offset')
    const states = this.model.messages.map(({ state }) => state)
    equal(this.queue.acquiredCount, states.filter((state) => state === 'acquired').length, 'acquired')
    const ready = states.filter((state, at) => state === 'ready' && at < this.queue.endOffset)
    equal(this.queue.readyCount, ready.length, 'ready')
    const next = this.queue.nextReady(0)
    const first = states.indexOf('ready')
    if (first >= 0) equal(next?.first, first, 'next')
    const due = this.model.messages.filter(({ state }) => state === 'acquired' || state === 'waiting')
    for (const { untilMs } of due) ok(this.queue.wakeMs <= untilMs, 'nobody is woken too late')
  }

  /** Lets everything come to rest, so that whoever waits is answered. */
  drain(): void {
    for (let round = 0; round < 3; round++) {
      this.dead(true)
      this.finish('done')
      this.take()
      this.finish('done')
    }
    this.check()
    equal(this.openCount, 0, 'every acknowledgement is answered, once')
  }
}

test('the queue does what an array of messages does', () => {
  const settings = fc.record({ hasDead: fc.boolean(), backoffMs: fc.constantFrom(0, 0, 30) })
  const scenario = fc.tuple(settings, fc.array(operation, { maxLength: 80, size: 'max' }))
  const property = fc.property(scenario, ([{ hasDead, backoffMs }, steps]) => {
    const config = testGroupConfig({
      lockDurationMs: 100,
      deliveryCountMax: 3,
      retryBackoffMs: backoffMs,
      deadLetterTopic: hasDead ? 'dead' : undefined,
    })
    const pair = new Pair(config)
    for (const step of steps) {
      pair.run(step)
      pair.check()
    }
    pair.drain()
  })
  fc.assert(property, { numRuns: runCount })
})
