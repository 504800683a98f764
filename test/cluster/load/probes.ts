import type { TestCluster } from '../harness/test-cluster.ts'
import { probePartition } from './probe.ts'
import type { Probe } from './probe.ts'

const topic = 'probed'
const partitionCount = 3

/** A probe for each partition of a topic of their own; leaders are spread, so every broker leads one. */
export class Probes {
  readonly topics: readonly string[] = [topic]
  /** By partition. */
  readonly all: readonly Probe[]

  private constructor(all: readonly Probe[]) {
    this.all = all
  }

  static async start(cluster: TestCluster): Promise<Probes> {
    await cluster.createTopic(topic, partitionCount)
    const indexes = Array.from({ length: partitionCount }, (_, index) => index)
    return new Probes(indexes.map((index) => probePartition(cluster.addresses, topic, index)))
  }

  /** Why tries failed, with how many did. */
  refusals(): Record<string, number> {
    const sums: Record<string, number> = {}
    for (const { refusals } of this.all) {
      for (const [reason, count] of refusals) sums[reason] = (sums[reason] ?? 0) + count
    }
    return sums
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((probe) => probe.stop()))
  }
}
