import type { SimulatedRandom } from '../../../packages/broker/src/host/simulated/simulated-random.ts'
import type { Recorder } from '../clients/recorder.ts'
import { dataDirectory } from './broker-machine.ts'
import type { BrokerMachine } from './broker-machine.ts'

/** Folder of a partition: name, number, id of the topic, and a number of its own (docs/data-directory.md). */
const folderForm = /\/logs\/.+-(\d+)\.([\w-]{22})(?:\.\d+)?\/\d{20}[^/]*\.log$/

/**
 * Turns a bit in a segment that is written no more. The log is marked: what it serves from now on must still be right,
 * but it may refuse to serve.
 */
export function rotColdSegment(
  { recorder, random }: { recorder: Recorder; random: SimulatedRandom },
  { node, isUp }: BrokerMachine,
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
  recorder.history.logs.get(picked.log)!.rotten = true
  return true
}
