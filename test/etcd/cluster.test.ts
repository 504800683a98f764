import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { compareAndSet } from '../../packages/broker/src/cluster/compare-and-set.ts'
import type { EtcdMetadataStore } from '../../packages/broker/src/cluster/etcd/etcd-store.ts'
import { MetadataError } from '../../packages/broker/src/cluster/metadata-error.ts'
import { Outcomes, rejects } from '../contract/metadata-store.fixture.ts'
import { until } from '../system/wait.ts'
import { describeWithEtcd, startEtcd } from '../world/etcd.ts'
import type { EtcdCluster } from '../world/etcd.ts'
import { connectStore } from './store.ts'

const limits = { requestTimeoutMs: 5000, attemptTimeoutMs: 1000, watchSilenceMs: 1000 }
const members = [0, 1, 2] as const

/** Counts a key up by compare and set, and keeps account of what is known of each step. */
class Counter {
  readonly #store: EtcdMetadataStore
  readonly #key: string
  /** Steps that etcd has confirmed, steps of unknown outcome, and steps that were refused. */
  confirmed = 0
  unknown = 0
  #over = false
  #running: Promise<void> | undefined

  constructor(store: EtcdMetadataStore, key: string) {
    this.#store = store
    this.#key = key
  }

  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#over = true
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#over) {
      try {
        const present = await this.#store.get(this.#key)
        const next = String(Number(present?.value ?? 0) + 1)
        const { succeeded } = await compareAndSet(this.#store, this.#key, present?.modRevision ?? 0, next)
        if (succeeded) this.confirmed++
      } catch (error) {
        if (!(error instanceof MetadataError) || error.kind !== 'unavailable') throw error
        this.unknown++
      }
    }
  }
}

describeWithEtcd('a cluster of three', (binary) => {
  let etcd: EtcdCluster
  let store: EtcdMetadataStore

  before(async () => {
    etcd = await startEtcd({ binary, members: 3 })
    store = await connectStore(etcd.endpoints, { limits })
  })
  after(async () => {
    await store.close()
    await etcd.stop()
  })

  /** Writes and watches while `harm` goes on; nothing confirmed may be missing, and nothing may be told twice. */
  async function countThrough(key: string, harm: (confirmed: () => number) => Promise<void>): Promise<void> {
    const watched = new Outcomes()
    const { revision } = await store.range('')
    const watch = store.watch(key, revision + 1, watched.listener)
    const counter = new Counter(store, key)
    counter.start()
    const goesOn = async (): Promise<void> => {
      const before = counter.confirmed
      await until('writes go on', () => counter.confirmed > before + 5)
    }
    await goesOn()
    await harm(() => counter.confirmed)
    await goesOn()
    await counter.stop()
    const last = await store.get(key)
    assert.ok(last !== undefined)
    await watched.reached(last.modRevision)
    watch.cancel()
    const values = watched.all.map((outcome) => {
      const event = outcome.kind === 'changes' ? outcome.events[0] : undefined
      assert.ok(event?.kind === 'put', outcome.kind)
      return Number(event.keyValue.value)
    })
    assert.deepEqual(
      values,
      values.map((_, index) => index + 1),
      'every step is told, once, in order',
    )
    assert.equal(values.length, Number(last.value))
    assert.ok(values.length >= counter.confirmed, `${counter.confirmed} confirmed, ${values.length} made`)
    assert.ok(values.length <= counter.confirmed + counter.unknown, `${values.length} made`)
  }

  test('each member in turn is killed and comes back', async () => {
    await countThrough('killed', async (confirmed) => {
      for (const index of members) {
        await etcd.kill(index)
        const before = confirmed()
        await until('writes go on with two members', () => confirmed() > before + 5)
        await etcd.restart(index)
      }
    })
  })

  test('each member in turn stands still', async () => {
    await countThrough('paused', async (confirmed) => {
      for (const index of members) {
        etcd.pause(index)
        const before = confirmed()
        await until('writes go on with two members', () => confirmed() > before + 5)
        etcd.resume(index)
      }
    })
  })

  test('a member alone serves nobody, and says so in time; then all goes on', async () => {
    const { revision } = await store.transaction({ then: [{ kind: 'put', key: 'alone', value: '1' }] })
    const watched = new Outcomes()
    const watch = store.watch('alone', revision, watched.listener)
    await watched.reached(revision)
    const lonely = await connectStore([etcd.endpoints[2]!], { limits: { ...limits, requestTimeoutMs: 3000 } })
    etcd.pause(0)
    etcd.pause(1)
    const startMs = performance.now()
    await rejects('unavailable', lonely.get('alone'))
    await rejects('unavailable', lonely.transaction({ then: [{ kind: 'put', key: 'alone', value: '2' }] }))
    assert.ok(performance.now() - startMs < 9000)
    assert.notEqual(lonely.failure, undefined)
    etcd.resume(0)
    etcd.resume(1)
    await until('the member serves again', async () => {
      try {
        return (await lonely.get('alone')) !== undefined
      } catch (error) {
        if (error instanceof MetadataError) return false
        throw error
      }
    })
    const again = await store.get('alone')
    // The write above may have been kept by the member alone and made when the others came back.
    assert.ok(again?.value === '1' || again?.value === '2')
    await until('a write is made', async () => {
      try {
        await watched.reached((await store.transaction({ then: [{ kind: 'put', key: 'alone', value: '3' }] })).revision)
        return true
      } catch (error) {
        if (error instanceof MetadataError) return false
        throw error
      }
    })
    watch.cancel()
    await lonely.close()
  })
})
