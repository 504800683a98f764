import type { LiveBroker } from '../image/records.ts'
import type { BrokerLoads } from './broker-loads.ts'

/**
 * The broker that shall take one more replica of a partition: in a rack that has fewest of its replicas, then the one that
 * holds least, then by `tie` (least first), then by id. Undefined if all have one.
 */
export function chooseBroker(
  candidates: readonly LiveBroker[],
  chosen: readonly number[],
  loads: BrokerLoads,
  rackOf: (brokerId: number) => string | undefined,
  tie: (brokerId: number) => number = () => 0,
): number | undefined {
  const racks = chosen.map(rackOf)
  let best: LiveBroker | undefined
  let bestInRack = 0
  for (const broker of candidates) {
    if (chosen.includes(broker.id)) continue
    let inRack = 0
    for (const rack of racks) if (rack === broker.rack) inRack++
    if (best === undefined || (inRack - bestInRack || compare(broker, best, loads, tie)) < 0) {
      best = broker
      bestInRack = inRack
    }
  }
  return best?.id
}

function compare(left: LiveBroker, right: LiveBroker, loads: BrokerLoads, tie: (brokerId: number) => number): number {
  return (
    loads.replicasOf(left.id) - loads.replicasOf(right.id) ||
    tie(left.id) - tie(right.id) ||
    loads.leadersOf(left.id) - loads.leadersOf(right.id) ||
    left.id - right.id
  )
}
