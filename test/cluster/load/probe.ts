import { Cluster, encodeBatch } from '@polylog/client/admin'
import { apis, errorOf } from '@polylog/wire'
import { setTimeout as delay } from 'node:timers/promises'
import { Gaps } from './gaps.ts'

const pauseMs = 10
/** Short, so that what is measured is the cluster and not the patience of a client. */
const retryMs = 10
const times = { connectTimeoutMs: 500, requestTimeoutMs: 5000 }

/** One record at a time to one partition, acks=all, with next to no wait before it tries again. Not for the checker. */
export interface Probe {
  readonly gaps: Gaps
  /** Why tries failed, with how many did. */
  readonly refusals: ReadonlyMap<string, number>
  stop(): Promise<void>
}

export function probePartition(addresses: string, topic: string, partition: number): Probe {
  const gaps = new Gaps()
  const refusals = new Map<string, number>()
  let stopping = false

  async function run(): Promise<void> {
    while (!stopping) {
      await using cluster = new Cluster({ brokers: addresses, clientId: 'probe', ...times })
      while (!stopping && (await tryOnce(cluster))) await delay(pauseMs)
      if (!stopping) await delay(retryMs)
    }
  }

  /** Whether the connections are still good and the leader is still the one we know. */
  async function tryOnce(cluster: Cluster): Promise<boolean> {
    const error = await produceOnce(cluster, topic, partition)
    if (error === undefined) gaps.served()
    else refusals.set(error, (refusals.get(error) ?? 0) + 1)
    return error === undefined
  }

  const running = run()
  const stop = (): Promise<void> => {
    stopping = true
    return running
  }
  return { gaps, refusals, stop }
}

/** Why it was refused, or undefined if it was acknowledged. */
async function produceOnce(cluster: Cluster, topic: string, partition: number): Promise<string | undefined> {
  try {
    const leader = await cluster.leaderOf(topic, partition)
    const records = encodeBatch([{ key: 'probe', value: 'probe' }], 'none', Date.now())
    const answer = await cluster.broker(leader, apis[0], {
      acks: -1,
      timeoutMs: times.requestTimeoutMs,
      topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
    })
    const { errorCode } = answer.responses[0]!.partitionResponses[0]!
    return errorCode === 0 ? undefined : (errorOf(errorCode)?.name ?? String(errorCode))
  } catch (error) {
    if (error instanceof Error && error.name === 'ClientError') return (error as Error & { code: string }).code
    throw error
  }
}
