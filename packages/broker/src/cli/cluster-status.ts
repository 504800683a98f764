import { formatAddress } from '../config/address.ts'
import type { BrokerAnswer, ClusterAnswer } from './admin-answers.ts'
import { formatCount, formatTable } from './table.ts'

const columns = [
  { title: 'broker', align: 'right' },
  { title: 'state' },
  { title: 'address' },
  { title: 'rack' },
  { title: 'leaders', align: 'right' },
  { title: 'replicas', align: 'right' },
  { title: 'in sync', align: 'right' },
  { title: 'version' },
] as const

/** A cluster as people read it: who is there, and how its partitions are. */
export function clusterStatusText(cluster: ClusterAnswer): string {
  const { clusterId, controller, brokers, partitions, topics } = cluster
  const up = brokers.filter(({ state }) => state !== 'down').length
  const controls = controller === null ? 'no controller at present' : `controller: broker ${controller.brokerId}`
  const rows = brokers.map((broker) => brokerRow(broker))
  const of = `${count(partitions.total, 'partition')} of ${count(topics, 'topic')}`
  return `Cluster ${clusterId}, ${up} of ${count(brokers.length, 'broker')} up, ${controls}

${formatTable(columns, rows)}
${of}: ${healthText(partitions)}
`
}

function brokerRow(broker: BrokerAnswer): string[] {
  const { id, state, draining, address, rack, leaders, replicas, inSync, version } = broker
  return [
    String(id),
    draining ? `${state}, draining` : state,
    address === null ? '' : formatAddress(address),
    rack ?? '',
    ...[leaders, replicas, inSync].map(formatCount),
    version ?? '',
  ]
}

function healthText({ offline, underReplicated, moving }: ClusterAnswer['partitions']): string {
  if (offline + underReplicated + moving === 0) return 'all have a leader and all their replicas'
  const parts: string[] = []
  if (offline > 0) parts.push(`${formatCount(offline)} OFFLINE`)
  if (underReplicated > 0) parts.push(`${formatCount(underReplicated)} under-replicated`)
  if (moving > 0) parts.push(`${formatCount(moving)} moving`)
  return parts.join(', ')
}

function count(number: number, noun: string): string {
  return `${formatCount(number)} ${noun}${number === 1 ? '' : 's'}`
}
