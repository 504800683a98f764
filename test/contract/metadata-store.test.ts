import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmbeddedMetadataStore } from '../../packages/broker/src/cluster/embedded/embedded-store.ts'
import { ManualClock } from '../../packages/broker/src/cluster/embedded/manual-clock.fixture.ts'
import { MemoryDisk } from '../../packages/broker/src/host/memory/memory-disk.ts'
import { NodeDisk } from '../../packages/broker/src/host/node/node-disk.ts'
import type { Disk } from '../../packages/broker/src/host/disk.ts'
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

describeMetadataStoreContract('embedded, disk in memory', () => embeddedOn(new MemoryDisk(), 'metadata'))

describeMetadataStoreContract('embedded, real disk', () =>
  embeddedOn(new NodeDisk(), mkdtempSync(join(tmpdir(), 'polylog-metadata-'))),
)
