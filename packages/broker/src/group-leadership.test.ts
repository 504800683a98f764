import { deepEqual, equal } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ManualClock } from './cluster/embedded/manual-clock.fixture.ts'
import { BrokerError } from './errors/errors.ts'
import { GroupLeadership } from './group-leadership.ts'
import type { LeadershipListener } from './replica/replica-manager.ts'
import { silentLogger } from './telemetry/logger.ts'
import type { Partition } from './topic/partition.ts'
import type { Topics } from './topic/topics.ts'

interface Load {
  readonly index: number
  readonly done: () => void
  readonly failed: () => void
}

/** Leadership as told, and loads that end when the test says so. */
class World {
  readonly clock = new ManualClock()
  readonly calls: string[] = []
  readonly loads: Load[] = []
  readonly unsettled = new Set<number>()
  tell!: LeadershipListener
  readonly leadership: GroupLeadership

  constructor() {
    const topics = {
      find: (name: string) => (name === 'groups' ? { id: 'groups-id' } : undefined),
      partition: (_name: string, index: number) => ({ isSettled: !this.unsettled.has(index) }) as Partition,
    }
    this.leadership = new GroupLeadership({
      replicas: {
        onLeadership: (listener) => {
          this.tell = listener
          return () => undefined
        },
      },
      groups: { load: (index) => this.#load(index), unload: (index) => void this.calls.push(`unload ${index}`) },
      topics: topics as unknown as Topics,
      topicName: 'groups',
      clock: this.clock,
      logger: silentLogger,
    })
  }

  #load(index: number): Promise<void> {
    this.calls.push(`load ${index}`)
    return new Promise((resolve, reject) => {
      this.loads.push({ index, done: resolve, failed: () => reject(new BrokerError('storage')) })
    })
  }
}

/** Lets promises that are settled have their effect. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('GroupLeadership', () => {
  it('loads what is led and unloads what is led no more, of its own topic', () => {
    const world = new World()
    world.tell('other-id', 0, true, 1)
    world.tell('groups-id', 3, true, 1)
    world.tell('groups-id', 3, false, 1)
    world.tell('groups-id', 4, false, 1)
    deepEqual(world.calls, ['load 3', 'unload 3'])
  })

  it('loads anew from one term to the next, for another may have led in between', () => {
    const world = new World()
    world.tell('groups-id', 3, true, 1)
    world.tell('groups-id', 3, true, 1)
    world.tell('groups-id', 3, true, 5)
    deepEqual(world.calls, ['load 3', 'unload 3', 'load 3'])
  })

  it('tries again what cannot be loaded, as long as it is led', async () => {
    const world = new World()
    world.tell('groups-id', 1, true, 1)
    world.tell('groups-id', 2, true, 1)
    for (const { failed } of world.loads.splice(0)) failed()
    await settle()
    world.tell('groups-id', 2, false, 1)
    world.clock.advance(1000)
    deepEqual(world.calls, ['load 1', 'load 2', 'unload 2', 'load 1'])
    world.loads[0]!.failed()
    await settle()
    world.leadership.end()
    world.clock.advance(10_000)
    equal(world.calls.length, 4)
  })

  it('waits at a start for what needs no other broker', async () => {
    const world = new World()
    world.unsettled.add(2)
    for (const index of [1, 2]) world.tell('groups-id', index, true, 1)
    let isLoaded = false
    void world.leadership.loaded().then(() => {
      isLoaded = true
    })
    await settle()
    equal(isLoaded, false)
    world.loads[0]!.done()
    await settle()
    equal(isLoaded, true)
  })
})
