import type { Administration } from '../../../packages/broker/src/administration.ts'
import { MetadataError } from '../../../packages/broker/src/cluster/metadata-error.ts'
import { BrokerError } from '../../../packages/broker/src/errors/errors.ts'
import { partitionKey, topicPrefix } from '../../../packages/broker/src/image/keys.ts'
import { startReassignment } from '../../../packages/broker/src/image/partition-change.ts'
import { encodePartition } from '../../../packages/broker/src/image/partition-state.ts'
import type { SimulatedRandom } from '../../../packages/broker/src/host/simulated/simulated-random.ts'
import type { BrokerMachine } from './broker-machine.ts'
import type { Fault, FaultTargets } from './fault.ts'
import type { operatorFaultNames } from './plan.ts'

/** Over as soon as it has begun. */
const nothing = (): void => undefined

const rollingLookMs = 200

/** Sends a request as an operator does: it may be refused, and may not come through. */
function ask(
  { brokers }: FaultTargets,
  broker: BrokerMachine,
  work: (admin: Administration) => Promise<void>,
): boolean {
  const admin = (broker.broker ?? brokers.find(({ isUp }) => isUp)?.broker)?.administration
  if (admin === undefined) return false
  work(admin).catch((error: unknown) => {
    if (!(error instanceof BrokerError || error instanceof MetadataError)) throw error
  })
  return true
}

/** A random partition is to live on other brokers from now on. */
const reassignment: Fault = ({ random, brokers }, broker) => {
  const image = broker.broker?.image
  if (image === undefined) return undefined
  const topics = [...image.topics.values()]
  const topic = topics[random.below(topics.length)]
  const state = topic?.partitions[random.below(topic.partitions.length)]
  if (topic === undefined || state === undefined) return undefined
  const ids = brokers.map((_, index) => index + 1).toSorted(() => random.next() - 0.5)
  const target = ids.slice(0, 1 + random.below(Math.min(3, ids.length)))
  const key = partitionKey(topic.id, state.index)
  const moved = startReassignment(state, target)
  broker
    .broker!.metadata.transaction({
      compare: [
        { key, target: 'modRevision', operator: '=', value: state.modRevision },
        { key: `${topicPrefix}${topic.name}`, target: 'modRevision', operator: '=', value: topic.modRevision },
      ],
      then: [{ kind: 'put', key, value: encodePartition(moved) }],
    })
    .catch(() => 'as with every operator, it may not have come through')
  return nothing
}

function mirrorsOf(random: SimulatedRandom, brokerCount: number): Record<string, unknown> {
  const sync = { 'ha-sync-mode': random.chance(0.7) ? 'automatic' : 'manual' }
  const draw = random.below(3)
  if (draw === 0) return { 'ha-mode': 'all', ...sync }
  if (draw === 1) return { 'ha-mode': 'exactly', 'ha-params': 1 + random.below(brokerCount), ...sync }
  const ids = Array.from({ length: brokerCount }, (_, index) => index + 1).filter(() => random.chance(0.5))
  return { 'ha-mode': 'nodes', 'ha-params': ids.length > 0 ? ids : [1], ...sync }
}

/** One of two policies comes, changes or goes. */
const policy: Fault = (targets, broker) => {
  const { random, brokers } = targets
  const name = `policy-${random.below(2)}`
  if (random.chance(0.25)) {
    return ask(targets, broker, ({ cluster }) => cluster.deletePolicy(name)) ? nothing : undefined
  }
  const pattern = random.chance(0.5) ? '.*' : `-${1 + random.below(3)}$`
  const definition = mirrorsOf(random, brokers.length)
  const record = { pattern, priority: random.below(3), applyTo: 'topics' as const, definition }
  return ask(targets, broker, ({ cluster }) => cluster.putPolicy(name, record)) ? nothing : undefined
}

/** A broker is to have no replicas for a while; the end of that may not come through. */
const drain: Fault = (targets, broker) => {
  const { random, brokers } = targets
  const id = 1 + random.below(brokers.length)
  if (!ask(targets, broker, ({ cluster }) => cluster.startDrain(id))) return undefined
  return () => void ask(targets, broker, ({ cluster }) => cluster.stopDrain(id))
}

/** Each broker in turn stops in good order and comes back, as when a new version is rolled out. */
const rolling: Fault = ({ world, brokers }) => {
  if (!brokers.every(({ isUp }) => isUp)) return undefined
  let next = 0
  let isOver = false
  const goOn = (): void => {
    if (isOver || next === brokers.length) return
    if (brokers.every(({ isUp }) => isUp)) {
      brokers[next]!.stop()
      next += 1
    }
    world.scheduler.schedule(rollingLookMs, 'rolling restart', goOn)
  }
  goOn()
  return () => (isOver = true)
}

export const operatorFaults: Record<(typeof operatorFaultNames)[number], Fault> = {
  reassignment,
  policy,
  drain,
  rolling,
}
