import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compareAndDelete, compareAndSet, putIfAbsent } from '../../packages/broker/src/cluster/compare-and-set.ts'
import { noLease, requestBytesMax, transactionOperationsMax } from '../../packages/broker/src/cluster/metadata-store.ts'
import type {
  Comparison,
  ComparisonOperator,
  LeaseId,
  Operation,
  OperationResponse,
} from '../../packages/broker/src/cluster/metadata-store.ts'
import { rejects } from './metadata-store.fixture.ts'
import type { Fixture } from './metadata-store.fixture.ts'

export function describeTransactions(fixture: Fixture): void {
  describe('transactions', () => {
    const operators: ComparisonOperator[] = ['=', '!=', '<', '>']
    const holding = async (comparisons: readonly Comparison[]): Promise<boolean[]> => {
      const held: boolean[] = []
      for (const comparison of comparisons)
        held.push((await fixture.store.transaction({ compare: [comparison] })).succeeded)
      return held
    }

    test('every operator on every number of a key', async () => {
      await fixture.write(fixture.put('other'))
      await fixture.write(fixture.put('a'))
      await fixture.write(fixture.put('a'))
      const present = await fixture.store.get(fixture.key('a'))
      for (const target of ['version', 'createRevision', 'modRevision'] as const) {
        const value = present![target]
        for (const [difference, expected] of [
          [-1, [false, true, false, true]],
          [0, [true, false, false, false]],
          [1, [false, true, true, false]],
        ] as const) {
          const comparisons = operators.map(
            (operator): Comparison => ({ key: fixture.key('a'), target, operator, value: value + difference }),
          )
          assert.deepEqual(await holding(comparisons), expected, `${target} against ${difference}`)
        }
      }
    })

    test('every operator on a value, by the order of its bytes', async () => {
      await fixture.write(fixture.put('a', '\ue000'))
      for (const [value, expected] of [
        ['z', [false, true, false, true]],
        ['\ue000', [true, false, false, false]],
        ['\ue000\u0000', [false, true, true, false]],
        ['\u{1f600}', [false, true, true, false]],
      ] as const) {
        const comparisons = operators.map(
          (operator): Comparison => ({ key: fixture.key('a'), target: 'value', operator, value }),
        )
        assert.deepEqual(await holding(comparisons), expected, `against ${JSON.stringify(value)}`)
      }
    })

    test('a missing key counts as 0, and no comparison of its value holds', async () => {
      for (const target of ['version', 'createRevision', 'modRevision'] as const) {
        const against = (value: number): Comparison[] =>
          operators.map((operator): Comparison => ({ key: fixture.key('none'), target, operator, value }))
        assert.deepEqual(await holding(against(0)), [true, false, false, false])
        assert.deepEqual(await holding(against(1)), [false, true, true, false])
      }
      const lease = operators.map(
        (operator): Comparison => ({ key: fixture.key('none'), target: 'lease', operator, value: noLease }),
      )
      assert.deepEqual(await holding(lease), [true, false, false, false])
      const value = operators.map(
        (operator): Comparison => ({ key: fixture.key('none'), target: 'value', operator, value: '' }),
      )
      assert.deepEqual(await holding(value), [false, false, false, false])
    })

    test('every operator on a lease', async () => {
      const lease = await fixture.store.grantLease(60_000)
      await fixture.write(fixture.put('a', '', lease.id))
      const against = (value: LeaseId): Comparison[] =>
        operators.map((operator): Comparison => ({ key: fixture.key('a'), target: 'lease', operator, value }))
      assert.deepEqual(await holding(against(lease.id)), [true, false, false, false])
      assert.deepEqual(await holding(against(noLease)), [false, true, false, true])
      assert.deepEqual(await holding(against('9223372036854775807' as LeaseId)), [false, true, true, false])
    })

    test('all comparisons must hold for then; otherwise else is made', async () => {
      await fixture.write(fixture.put('a', '1'))
      const yes: Comparison = { key: fixture.key('a'), target: 'value', operator: '=', value: '1' }
      const no: Comparison = { key: fixture.key('a'), target: 'version', operator: '>', value: 1 }
      const both = await fixture.store.transaction({
        compare: [yes, no],
        then: [fixture.put('b', 'then')],
        else: [fixture.put('b', 'else')],
      })
      assert.equal(both.succeeded, false)
      assert.equal((await fixture.store.get(fixture.key('b')))?.value, 'else')
      const one = await fixture.store.transaction({
        compare: [yes],
        then: [fixture.put('b', 'then')],
        else: [fixture.put('b', 'else')],
      })
      assert.equal(one.succeeded, true)
      assert.equal((await fixture.store.get(fixture.key('b')))?.value, 'then')
    })

    test('one transaction is one revision, and its reads see its earlier writes', async () => {
      const before = await fixture.write(fixture.put('a', '1'), fixture.put('b', '1'))
      const result = await fixture.store.transaction({
        then: [
          { kind: 'range', prefix: fixture.root },
          fixture.put('c', '2'),
          { kind: 'get', key: fixture.key('c') },
          { kind: 'delete', key: fixture.key('a') },
          { kind: 'delete', key: fixture.key('a') },
          { kind: 'get', key: fixture.key('a') },
          { kind: 'range', prefix: fixture.root, limit: 1 },
        ],
      })
      assert.equal(result.revision, before + 1)
      const seen = result.responses.map((response) => summaryOf(response, fixture.root.length))
      assert.deepEqual(seen, [['a', 'b'], 'put', 'c', 1, 0, undefined, ['b']])
      const got = result.responses[2]
      assert.ok(got?.kind === 'get')
      assert.equal(got.keyValue?.createRevision, result.revision)
      const cut = result.responses[6]
      assert.ok(cut?.kind === 'range')
      assert.deepEqual([cut.more, cut.count], [true, 2])
    })

    test('a transaction that changes nothing leaves the revision alone', async () => {
      const revision = await fixture.write(fixture.put('a'))
      const result = await fixture.store.transaction({
        then: [
          { kind: 'get', key: fixture.key('a') },
          { kind: 'delete', key: fixture.key('none') },
          { kind: 'delete-prefix', prefix: fixture.key('none/') },
        ],
      })
      assert.equal(result.revision, revision)
      assert.deepEqual((await fixture.store.transaction({})).responses, [])
      assert.equal(await fixture.write(fixture.put('a')), revision + 1)
    })

    test('a prefix is deleted with all under it and nothing beside it', async () => {
      await fixture.write(
        fixture.put('d/1'),
        fixture.put('d/2'),
        fixture.put('d/2/3'),
        fixture.put('d'),
        fixture.put('d0'),
      )
      const result = await fixture.store.transaction({ then: [{ kind: 'delete-prefix', prefix: fixture.key('d/') }] })
      assert.deepEqual(result.responses, [{ kind: 'delete-prefix', deleted: 3 }])
      assert.deepEqual(fixture.suffixesOf((await fixture.store.range(fixture.root)).keyValues), ['d', 'd0'])
    })

    test('a list that changes a key twice is refused, in the branch not taken too', async () => {
      const twice = [fixture.put('a', '1'), fixture.put('a', '2')]
      const deleted: Operation[] = [fixture.put('a', '1'), { kind: 'delete', key: fixture.key('a') }]
      const prefix: Operation[] = [{ kind: 'delete-prefix', prefix: fixture.root }, fixture.put('a', '1')]
      for (const list of [twice, deleted, prefix]) {
        await rejects('invalid', fixture.store.transaction({ then: list }))
        await rejects('invalid', fixture.store.transaction({ else: list }))
      }
      assert.equal(await fixture.store.get(fixture.key('a')), undefined)
      await fixture.store.transaction({ then: [fixture.put('a', '1')], else: [fixture.put('a', '2')] })
      await fixture.write({ kind: 'delete', key: fixture.key('a') }, { kind: 'delete-prefix', prefix: fixture.root })
    })

    test(`${transactionOperationsMax} operations are the most in one list`, async () => {
      const operations = Array.from({ length: transactionOperationsMax + 1 }, (_, index) =>
        fixture.put(`many/${index}`),
      )
      const comparisons = operations.map(
        (_, index): Comparison => ({ key: fixture.key(`many/${index}`), target: 'version', operator: '=', value: 0 }),
      )
      await rejects('invalid', fixture.store.transaction({ then: operations }))
      await rejects('invalid', fixture.store.transaction({ else: operations }))
      await rejects('invalid', fixture.store.transaction({ compare: comparisons }))
      const result = await fixture.store.transaction({
        compare: comparisons.slice(1),
        then: operations.slice(1),
        else: operations.slice(1),
      })
      assert.equal(result.succeeded, true)
      assert.equal((await fixture.store.range(fixture.key('many/'))).count, transactionOperationsMax)
    })

    test('a request that is too large is refused, one that just fits is not', async () => {
      await rejects('too-large', fixture.write(fixture.put('a', 'x'.repeat(requestBytesMax))))
      await rejects('too-large', fixture.write(fixture.put('a', '€'.repeat(requestBytesMax / 3))))
      await rejects(
        'too-large',
        fixture.write(
          fixture.put('a', 'x'.repeat(requestBytesMax / 2)),
          fixture.put('b', 'x'.repeat(requestBytesMax / 2)),
        ),
      )
      const value = 'x'.repeat(requestBytesMax - 1024)
      await fixture.write(fixture.put('a', value))
      assert.equal((await fixture.store.get(fixture.key('a')))?.value, value)
    })

    test('of many who compare and set at once, each change is made by one', async () => {
      await fixture.write(fixture.put('counter', '0'))
      const increment = async (): Promise<void> => {
        for (;;) {
          const present = await fixture.store.get(fixture.key('counter'))
          const next = String(Number(present!.value) + 1)
          if ((await compareAndSet(fixture.store, fixture.key('counter'), present!.modRevision, next)).succeeded) return
        }
      }
      await Promise.all(Array.from({ length: 8 }, () => increment()))
      const { value, version } = (await fixture.store.get(fixture.key('counter')))!
      assert.deepEqual([value, version], ['8', 9])
    })

    test('the helpers answer with the key as it stands', async () => {
      const made = await putIfAbsent(fixture.store, fixture.key('a'), '1')
      assert.deepEqual([made.succeeded, made.keyValue?.value, made.keyValue?.version], [true, '1', 1])
      const refused = await putIfAbsent(fixture.store, fixture.key('a'), '2')
      assert.deepEqual([refused.succeeded, refused.keyValue], [false, made.keyValue])
      const set = await compareAndSet(fixture.store, fixture.key('a'), made.revision, '3')
      assert.deepEqual([set.succeeded, set.keyValue?.value, set.keyValue?.version], [true, '3', 2])
      const stale = await compareAndDelete(fixture.store, fixture.key('a'), made.revision)
      assert.deepEqual([stale.succeeded, stale.keyValue], [false, set.keyValue])
      const gone = await compareAndDelete(fixture.store, fixture.key('a'), set.revision)
      assert.deepEqual([gone.succeeded, gone.keyValue], [true, undefined])
    })
  })
}

function summaryOf(response: OperationResponse, rootLength: number): unknown {
  switch (response.kind) {
    case 'put':
      return 'put'
    case 'delete':
    case 'delete-prefix':
      return response.deleted
    case 'get':
      return response.keyValue?.key.slice(rootLength)
    case 'range':
      return response.keyValues.map((keyValue) => keyValue.key.slice(rootLength))
  }
}
