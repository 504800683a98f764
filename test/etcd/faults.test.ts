import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { MetadataError } from '../../packages/broker/src/cluster/metadata-error.ts'
import type { EtcdMetadataStore } from '../../packages/broker/src/cluster/etcd/etcd-store.ts'
import type { MetadataStore, WatchOutcome } from '../../packages/broker/src/cluster/metadata-store.ts'
import { Outcomes, rejects } from '../contract/metadata-store.fixture.ts'
import { until } from '../system/wait.ts'
import { describeWithEtcd, startEtcd } from '../world/etcd.ts'
import type { EtcdCluster } from '../world/etcd.ts'
import { FaultProxy } from '../world/fault-proxy.ts'
import { connectStore } from './store.ts'

const limits = { requestTimeoutMs: 2000, attemptTimeoutMs: 500, watchSilenceMs: 1000 }

/** The value of every put that a watch has told, in order. */
function valuesOf(outcomes: readonly WatchOutcome[]): string[] {
  return outcomes.flatMap((outcome) => {
    assert.equal(outcome.kind, 'changes')
    const events = outcome.kind === 'changes' ? outcome.events : []
    return events.map((event) => (event.kind === 'put' ? event.keyValue.value : `-${event.key}`))
  })
}

async function put(store: MetadataStore, key: string, value = ''): Promise<number> {
  return (await store.transaction({ then: [{ kind: 'put', key, value }] })).revision
}

/** The kind of the error, or undefined when there is none. */
async function kindOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise
    return undefined
  } catch (error) {
    assert.ok(error instanceof MetadataError, String(error))
    return error.kind
  }
}

describeWithEtcd('a broken way to etcd', (binary) => {
  let etcd: EtcdCluster
  let proxy: FaultProxy
  /** Goes through the proxy. */
  let store: EtcdMetadataStore
  /** Goes to etcd itself. */
  let direct: EtcdMetadataStore
  let count = 0

  before(async () => {
    etcd = await startEtcd({ binary })
    proxy = await FaultProxy.start(etcd.endpoints[0]!)
    store = await connectStore([proxy.url], { limits })
    direct = await connectStore(etcd.endpoints)
  })
  afterEach(async () => {
    proxy.cutAfterBytes = Number.POSITIVE_INFINITY
    proxy.set('pass')
    // A write on a connection that has just been broken would have an unknown outcome; a read opens a new one.
    await store.get('warm')
  })
  after(async () => {
    await store.close()
    await direct.close()
    await proxy.stop()
    await etcd.stop()
  })
  const root = (): string => `${++count}/`

  test('a write whose answer gets lost has an unknown outcome, and was made', async () => {
    const key = root()
    await put(store, key, '1')
    proxy.set('deaf')
    assert.equal(await kindOf(put(store, key, '2')), 'unavailable')
    assert.match(store.failure ?? '', /does not serve/)
    proxy.set('pass')
    assert.deepEqual([(await store.get(key))?.value, (await store.get(key))?.version], ['2', 2])
    assert.equal(store.failure, undefined)
  })

  test('a write that does not get through says that nothing was done, and was not', async () => {
    const key = root()
    await put(store, key, '1')
    proxy.set('refuse')
    await assert.rejects(put(store, key, '2'), { kind: 'unavailable' })
    proxy.set('pass')
    assert.equal((await store.get(key))?.version, 1)
  })

  test('a read waits for a way that opens again in time', async () => {
    const key = root()
    await put(store, key, '1')
    proxy.set('hang')
    const reading = store.get(key)
    await until('the proxy has been tried', () => store.failure !== undefined)
    proxy.set('pass')
    assert.equal((await reading)?.value, '1')
  })

  test('a watch whose stream hangs goes on with what happened meanwhile', async () => {
    const prefix = root()
    const first = await put(direct, `${prefix}a`, '1')
    const watched = new Outcomes()
    const watch = store.watch(prefix, first, watched.listener)
    await watched.reached(first)
    proxy.set('hang')
    await put(direct, `${prefix}a`, '2')
    const second = await put(direct, `${prefix}b`, '3')
    proxy.set('pass')
    await watched.reached(second)
    watch.cancel()
    assert.deepEqual(valuesOf(watched.all), ['1', '2', '3'])
  })

  test('streams that break anywhere, in the middle of large revisions too, tell every revision whole and once', async () => {
    const prefix = root()
    const value = 'x'.repeat(250_000)
    const revisions: number[] = []
    for (let round = 0; round < 10; round++) {
      const then = ['a', 'b', 'c', 'd'].map((name) => ({
        kind: 'put' as const,
        key: prefix + name,
        value: round + value,
      }))
      revisions.push((await direct.transaction({ then })).revision)
    }
    // One revision has 1.33 MB in base64, and a fragment of an answer, on a line of its own, at most 2.8 MB.
    proxy.cutAfterBytes = 3_000_001
    const watched = new Outcomes()
    const watch = store.watch(prefix, revisions[0]!, watched.listener)
    await watched.reached(revisions.at(-1)!)
    watch.cancel()
    assert.ok(proxy.cutCount >= 3, `the proxy has cut ${proxy.cutCount} streams`)
    const told = watched.all.map((outcome) => outcome.kind === 'changes' && [outcome.revision, outcome.events.length])
    assert.deepEqual(
      told,
      revisions.map((revision) => [revision, 4]),
    )
  })

  test('long answers come in fragments and are put together', async () => {
    const prefix = root()
    const value = 'x'.repeat(350_000)
    const revisions: number[] = []
    for (let round = 0; round < 4; round++) {
      const then = ['a', 'b', 'c', 'd'].map((name) => ({ kind: 'put' as const, key: prefix + name, value }))
      revisions.push((await direct.transaction({ then })).revision)
    }
    const watched = new Outcomes()
    const watch = direct.watch(prefix, revisions[0]!, watched.listener)
    await watched.reached(revisions.at(-1)!)
    watch.cancel()
    assert.deepEqual(
      watched.all.map((outcome) => outcome.kind === 'changes' && outcome.events.length),
      [4, 4, 4, 4],
    )
  })

  test('what is compacted while a watch is cut off is told as compacted', async () => {
    const prefix = root()
    const first = await put(direct, `${prefix}a`, '1')
    const watched = new Outcomes()
    store.watch(prefix, first, watched.listener)
    await watched.reached(first)
    proxy.set('refuse')
    for (let round = 0; round < 3; round++) await put(direct, `${prefix}a`, 'more')
    const last = await put(direct, `${prefix}a`, 'last')
    await direct.compact(last)
    proxy.set('pass')
    await until('the watch has ended', () => watched.all.length === 2)
    assert.deepEqual(watched.all[1], { kind: 'compacted', compactRevision: last })
    assert.equal(await kindOf(direct.compact(first)), 'compacted')
    assert.equal(await kindOf(direct.compact(last + 1000)), 'future-revision')
  })

  test('a lease that expires while its holder is cut off is gone when the holder comes back', async () => {
    const prefix = root()
    const lease = await store.grantLease(2000)
    const key = `${prefix}alive`
    const { revision } = await store.transaction({ then: [{ kind: 'put', key, value: '', lease: lease.id }] })
    const watched = new Outcomes()
    const watch = direct.watch(prefix, revision + 1, watched.listener)
    proxy.set('hang')
    const startMs = performance.now()
    await rejects('unavailable', store.keepAlive(lease.id))
    assert.ok(performance.now() - startMs < lease.ttlMs, 'the holder knows before the lease ends')
    await watched.first()
    watch.cancel()
    assert.deepEqual(valuesOf(watched.all), [`-${key}`])
    proxy.set('pass')
    await rejects('lease-not-found', store.keepAlive(lease.id))
    await rejects('lease-not-found', store.revokeLease(lease.id))
  })

  test('keys of others beside the prefix are neither seen nor touched', async () => {
    const other = await connectStore(etcd.endpoints, { prefix: '/polylog/sub/' })
    const beside = await connectStore(etcd.endpoints, { prefix: '/polylog0/' })
    await put(beside, 'k', 'beside')
    await put(other, 'k', 'sub')
    assert.equal((await store.get('sub/k'))?.value, 'sub')
    const { keyValues } = await other.range('')
    assert.deepEqual(
      keyValues.map(({ key }) => key),
      ['k'],
    )
    await store.transaction({ then: [{ kind: 'delete-prefix', prefix: '' }] })
    assert.equal((await store.range('')).count, 0)
    assert.equal((await beside.get('k'))?.value, 'beside')
    await other.close()
    await beside.close()
  })

  test('after close no connection is left', async () => {
    const closing = await connectStore([proxy.url], { limits })
    closing.watch('', 1, () => undefined)
    await closing.close()
    await store.get('x')
    await until('its connections are gone', () => proxy.connectionCount <= 2)
  })
})

describe('no etcd', () => {
  test('connect says so in time', async () => {
    const refused = await FaultProxy.start('http://127.0.0.1:1')
    await rejects('unavailable', connectStore([refused.url], { limits: { ...limits, requestTimeoutMs: 300 } }))
    await refused.stop()
  })
})
