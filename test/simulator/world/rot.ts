import type { ClusterImage } from '../../../packages/broker/src/image/cluster-image.ts'
import { isIntact } from '../../../packages/broker/src/image/partition-change.ts'
import type { FaultTargets } from './fault.ts'
import { dataDirectory } from './broker-machine.ts'
import type { BrokerMachine } from './broker-machine.ts'

/** Folder of a partition: name, number, id of the topic, and a number of its own (docs/data-directory.md). */
const folderForm = /\/logs\/.+-(\d+)\.([\w-]{22})(?:\.\d+)?\/\d{20}[^/]*\.log$/

/**
 * Turns a bit in a segment that is written no more. The log is marked: what it serves from now on must still be right,
 * but it may refuse to serve, unless other replicas have all of it.
 */
export function rotColdSegment(
  { recorder, random, metadata }: Pick<FaultTargets, 'recorder' | 'random' | 'metadata'>,
  { node, isUp, brokerId }: BrokerMachine,
): boolean {
  if (!isUp) return false
  const { disk } = node.host
  const cold: { path: string; log: string }[] = []
  for (const folder of disk.list(`${dataDirectory}/logs`)) {
    const segments = disk.list(`${dataDirectory}/logs/${folder}`).filter((name) => name.endsWith('.log'))
    for (const name of segments.slice(0, -2)) {
      const path = `${dataDirectory}/logs/${folder}/${name}`
      const [, partition, id] = folderForm.exec(`/${path}`) ?? []
      const log = `${id}/${partition}`
      if (recorder.history.logs.has(log) && (disk.sizeOf(path) ?? 0) > 0) cold.push({ path, log })
    }
  }
  const picked = cold[random.below(cold.length)]
  if (picked === undefined) return false
  node.disk.flipBit(picked.path, random.below(disk.sizeOf(picked.path)!), random.below(8))
  const facts = recorder.history.logs.get(picked.log)!
  // Only one replica of it is ever broken, or nobody might have the record.
  if (!facts.rotten && isHeldByOthers(picked.log, brokerId, metadata?.image))
    recorder.mendable.set(picked.log, brokerId)
  else recorder.mendable.delete(picked.log)
  facts.rotten = true
  return true
}

function isHeldByOthers(log: string, brokerId: number, image: ClusterImage | undefined): boolean {
  const [topicId, index] = log.split('/')
  const state = image?.topicsById.get(topicId!)?.partitions[Number(index)]
  if (state === undefined || !state.replicas.includes(brokerId)) return false
  return state.inSyncReplicas.some((id) => id !== brokerId && isIntact(state, image!.brokers, id))
}
