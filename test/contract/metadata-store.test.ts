import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmbeddedMetadataStore } from '../../packages/broker/src/cluster/embedded/embedded-store.ts'
import { ManualClock } from '../../packages/broker/src/cluster/embedded/manual-clock.fixture.ts'
import { World } from '../../packages/broker/src/cluster/embedded/world.fixture.ts'
import type { MetadataStore } from '../../packages/broker/src/cluster/metadata-store.ts'
import { MemoryDisk } from '../../packages/broker/src/host/memory/memory-disk.ts'
import { NodeDisk } from '../../packages/broker/src/host/node/node-disk.ts'
import type { Disk } from '../../packages/broker/src/host/disk.ts'
import type { Scheduler } from '../../packages/broker/src/host/simulated/scheduler.ts'
import { SimulatedWorld } from '../../packages/broker/src/host/simulated/simulated-world.ts'
import { MetadataServer } from '../simulator/metadata/metadata-server.ts'
import { metadataPort } from '../simulator/metadata/protocol.ts'
import { RemoteMetadataStore } from '../simulator/metadata/remote-store.ts'
import { describeMetadataStoreContract } from './metadata-store.contract.ts'
import type { MetadataStoreUnderTest } from './metadata-store.fixture.ts'

async function embeddedOn(disk: Disk, directory: string): Promise<MetadataStoreUnderTest> {
  const clock = new ManualClock()
  const store = await EmbeddedMetadataStore.open({ disk, clock, directory })
  return {
    store,
    compact: (revision) => store.compact(revision),
    passTime: async (durationMs) => clock.advance(durationMs),
    async dispose() {
      await store.close()
      disk.removeDirectory(directory)
    },
  }
}

/** The store of simulated brokers: on another machine of such a world, reached over its network. */
async function remoteInSimulation(): Promise<MetadataStoreUnderTest> {
  const world = new SimulatedWorld(1)
  const { scheduler } = world
  const server = await scheduler.complete(MetadataServer.start(world.node('metadata').host))
  const store = new RemoteMetadataStore(world.node('broker').host, { host: 'metadata', port: metadataPort })
  return movedBy(scheduler, store, (revision) => server.store.compact(revision))
}

/** The store in a simulated world, which moves by itself in small steps of virtual time as long as the test lasts. */
async function embeddedInSimulation(): Promise<MetadataStoreUnderTest> {
  const world = new World(1)
  await world.begin()
  const store = await world.open()
  return movedBy(world.scheduler, store, (revision) => store.compact(revision))
}

function movedBy(
  scheduler: Scheduler,
  store: MetadataStore,
  compact: (revision: number) => Promise<void>,
): MetadataStoreUnderTest {
  let over = false
  let leastMs = 0
  const moving = (async (): Promise<void> => {
    while (!over) await scheduler.run(Math.max(scheduler.nowMs + 1, leastMs))
  })()
  return {
    store,
    compact,
    passTime: async (durationMs) => {
      leastMs = scheduler.nowMs + durationMs
    },
    async dispose() {
      await store.close()
      over = true
      await moving
    },
  }
}

describeMetadataStoreContract('embedded, simulated', embeddedInSimulation)

describeMetadataStoreContract('of simulated clusters, over their network', remoteInSimulation)

describeMetadataStoreContract('embedded, disk in memory', () => embeddedOn(new MemoryDisk(), 'metadata'))

describeMetadataStoreContract('embedded, real disk', () =>
  embeddedOn(new NodeDisk(), mkdtempSync(join(tmpdir(), 'polylog-metadata-'))),
)
