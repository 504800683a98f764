import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MemoryDisk } from '../../host/memory/memory-disk.ts'
import { MetadataError } from '../metadata-error.ts'
import type { KeyValue, LeaseId, Transaction, TransactionResult, WatchOutcome } from '../metadata-store.ts'
import { EmbeddedMetadataStore } from './embedded-store.ts'
import { ManualClock } from './manual-clock.fixture.ts'
import { Model, transactions } from './model.fixture.ts'

// Random transactions, one after the other or many at once, revocations, compactions and restarts, on the store and on
// a model without history and files: the same answers, the same state at each revision, and watches that tell exactly
// the difference between the states. fast-check prints the seed of a failure; pass it as { seed, path } to replay it.

const leases = ['1', '2', '3'] as LeaseId[]

type Step =
  | { kind: 'transactions'; transactions: Transaction[] }
  | { kind: 'revoke'; lease: LeaseId }
  | { kind: 'restart' }
  | { kind: 'compact' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('transactions' as const),
      transactions: fc.array(transactions(leases), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('revoke' as const), lease: fc.constantFrom(...leases) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const) }) },
)

class Run {
  readonly model = new Model()
  readonly #disk = new MemoryDisk()
  readonly #past = new Map<number, KeyValue[]>([[1, []]])
  readonly #watched = new Map<string, KeyValue>()
  #watchedRevision = 1
  #compactRevision = 0
  store!: EmbeddedMetadataStore

  async open(): Promise<void> {
    const clock = new ManualClock()
    // A file this small is replaced all the time.
    const limits = { entriesBytesMin: 300 }
    this.store = await EmbeddedMetadataStore.open({ disk: this.#disk, clock, directory: 'metadata', limits })
  }

  async take(taken: Step): Promise<void> {
    switch (taken.kind) {
      case 'transactions':
        return this.#transact(taken.transactions)
      case 'revoke': {
        const known = this.model.leases.has(taken.lease)
        const answer = await this.store.revokeLease(taken.lease).then(() => 'done', kindOf)
        assert.equal(answer, known ? 'done' : 'lease-not-found')
        if (known) this.model.revoke(taken.lease)
        this.remember()
        return
      }
      case 'compact': {
        const answer = await this.store.compact(this.model.revision).then(() => 'done', kindOf)
        // Since a restart this revision may be the oldest there is.
        if (answer !== 'done') assert.deepEqual([answer, this.#past.size], ['compacted', 1])
        this.#compactRevision = this.model.revision
        this.#past.clear()
        this.remember()
        return
      }
      case 'restart':
        await this.store.close()
        await this.open()
        // What has become of the history depends on when the file was replaced last.
        this.#past.clear()
        this.remember()
        this.watch()
    }
  }

  watch(): void {
    this.store.watch('', this.#watchedRevision + 1, (outcome) => this.#told(outcome))
  }

  remember(): void {
    this.#past.set(this.model.revision, this.model.sorted())
  }

  async check(): Promise<void> {
    const { revision, keyValues } = await this.store.range('')
    assert.deepEqual([revision, keyValues], [this.model.revision, this.model.sorted()])
    for (const [atRevision, expected] of this.#past) {
      if (atRevision < Math.max(1, this.#compactRevision)) continue
      assert.deepEqual((await this.store.range('', { atRevision })).keyValues, expected, `at revision ${atRevision}`)
    }
  }

  checkWatched(): void {
    assert.deepEqual([...this.#watched.values()].sort(byKey), [...this.model.keys.values()].sort(byKey))
  }

  async #transact(list: Transaction[]): Promise<void> {
    const answers = await Promise.all(list.map((transaction) => this.store.transaction(transaction).catch(kindOf)))
    const expected: (TransactionResult | string)[] = []
    for (const transaction of list) {
      expected.push(this.model.apply(transaction))
      this.remember()
    }
    assert.deepEqual(answers, expected)
  }

  #told(outcome: WatchOutcome): void {
    assert.ok(outcome.kind === 'changes')
    assert.ok(outcome.revision > this.#watchedRevision, 'revisions ascend')
    this.#watchedRevision = outcome.revision
    for (const event of outcome.events) {
      if (event.kind === 'put') this.#watched.set(event.keyValue.key, event.keyValue)
      else assert.ok(this.#watched.delete(event.key))
    }
    const expected = this.#past.get(outcome.revision)
    // Transactions made at once are answered after their changes were told, so the model may be behind.
    if (expected !== undefined) assert.deepEqual([...this.#watched.values()].sort(byKey), expected.toSorted(byKey))
  }
}

test('the store does what the model does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const run = new Run()
      await run.open()
      for (const lease of leases) {
        assert.equal((await run.store.grantLease(60_000)).id, lease)
        run.model.leases.add(lease)
      }
      run.watch()
      for (const taken of steps) {
        await run.take(taken)
        await run.check()
        run.checkWatched()
      }
      await run.store.close()
    }),
    { numRuns: 90 },
  )
})

function byKey(left: KeyValue, right: KeyValue): number {
  return left.key < right.key ? -1 : 1
}

function kindOf(error: unknown): string {
  assert.ok(error instanceof MetadataError, String(error))
  return error.kind
}
