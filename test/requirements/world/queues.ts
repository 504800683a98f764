import { apis } from '@polylog/wire'
import type { PullConsumer, QueueMessage, ReceivedMessage } from '@polylog/client'
import type { Cluster } from '@polylog/client/admin'
import type { BrokerSettings } from '../../../packages/broker/src/mod.ts'

/** One partition for each topic of the broker's own: a broker starts and groups begin sooner. */
export const queueSettings: Partial<BrokerSettings> = {
  offsetsPartitionCount: 1,
  shareStatePartitionCount: 1,
  groupInitialRebalanceDelayMs: 0,
  journalFileBytes: 4 << 20,
}

const groupResource = 32

/** Sets what the SDK has no option for, such as the session time-out of a share group. */
export async function setGroup(cluster: Cluster, group: string, settings: Record<string, string>): Promise<void> {
  const configs = Object.entries(settings).map(([name, value]) => ({ name, configOperation: 0, value }))
  const resources = [{ resourceType: groupResource, resourceName: group, configs }]
  const { responses } = await cluster.controller(apis[44], { resources, validateOnly: false })
  const { errorCode, errorMessage } = responses[0]!
  if (errorCode !== 0) throw new Error(`settings of group ${group}: ${errorMessage}`)
}

/** Pulls until there are `count` messages; they stay held. */
export async function take<T>(queue: PullConsumer<T>, count: number): Promise<QueueMessage<T>[]> {
  const messages: QueueMessage<T>[] = []
  while (messages.length < count) messages.push(...(await queue.pull({ max: count - messages.length, waitMs: 30_000 })))
  return messages
}

/** Pulls until there are `count` messages, and accepts them. */
export async function takeDone<T>(queue: PullConsumer<T>, count: number): Promise<QueueMessage<T>[]> {
  const messages = await take(queue, count)
  await Promise.all(messages.map((message) => message.accept()))
  return messages
}

export function textOf(message: ReceivedMessage<Buffer | null>): string {
  return String(message.value)
}

/** Texts in the order of the alphabet: queues promise no order over partitions. */
export function texts(messages: readonly ReceivedMessage<Buffer | null>[]): string[] {
  return messages.map(textOf).toSorted()
}
