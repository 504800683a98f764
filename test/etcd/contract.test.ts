import { after } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { describeMetadataStoreContract } from '../contract/metadata-store.contract.ts'
import type { MetadataStoreUnderTest } from '../contract/metadata-store.fixture.ts'
import { describeWithEtcd, startEtcd } from '../world/etcd.ts'
import type { EtcdBinary, EtcdCluster } from '../world/etcd.ts'
import { connectStore } from './store.ts'

/** Runs the contract on a cluster of its own, which is started by the first test. */
function describeContract(binary: EtcdBinary, members: number): void {
  let starting: Promise<EtcdCluster> | undefined
  after(async () => (await starting)?.stop())
  describeMetadataStoreContract(`etcd ${binary.version}, members: ${members}`, async () => {
    starting ??= startEtcd({ binary, members })
    const store = await connectStore((await starting).endpoints)
    return {
      store,
      compact: (revision) => store.compact(revision),
      passTime: (durationMs) => delay(durationMs),
      dispose: () => store.close(),
    } satisfies MetadataStoreUnderTest
  })
}

for (const members of [1, 3]) {
  describeWithEtcd(`metadata store contract, members: ${members}`, (binary) => describeContract(binary, members))
}
