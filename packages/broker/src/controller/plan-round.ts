import type { BrokerSettings } from '../config/broker-table.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import type { PartitionState } from '../image/partition-state.ts'
import { allPartitions } from './cluster-view.ts'
import type { BrokerRoles, PartitionChange } from './cluster-view.ts'
import { planPreferredLeader } from './plan-balance.ts'
import { planElection } from './plan-elections.ts'
import { planPlacement } from './plan-placement.ts'
import { planReassignment } from './plan-reassignments.ts'
import type { TopicRule, TopicRules } from './topic-rules.ts'
import type { Waits } from './waits.ts'

export interface RoundContext {
  readonly image: ClusterImage
  readonly rules: TopicRules
  readonly settings: BrokerSettings
  readonly waits: Waits
}

/** Changes that are due, and undefined where the caller may let others run. */
export type Plan = Iterable<PartitionChange | undefined>

export interface RoundStep {
  /** For the log. */
  readonly name: string
  readonly plan: (brokers: BrokerRoles) => Plan
}

/** Everything there is to look at, what is most urgent first; each step sees what the one before has changed. */
export function planRound(context: RoundContext): readonly RoundStep[] {
  return [
    { name: 'election', plan: (brokers) => eachPartition(context, brokers, planElection) },
    { name: 'reassignment', plan: (brokers) => eachPartition(context, brokers, planReassignment) },
    {
      name: 'placement',
      plan: (brokers) => planPlacement({ ...context, brokers, lost: lostBrokers(context, brokers) }),
    },
    { name: 'preferred leader', plan: (brokers) => planBalance(context, brokers) },
  ]
}

function* eachPartition(
  { image, rules }: RoundContext,
  brokers: BrokerRoles,
  plan: (state: PartitionState, rule: TopicRule, brokers: BrokerRoles) => PartitionState | undefined,
): Plan {
  for (const { topic, state } of allPartitions(image)) {
    const after = plan(state, rules.of(topic), brokers)
    yield after === undefined ? undefined : { topic, before: state, after }
  }
}

function* planBalance({ image, rules, settings, waits }: RoundContext, brokers: BrokerRoles): Plan {
  if (!settings.autoLeaderRebalance) return
  for (const { topic, state } of allPartitions(image)) {
    const after = planPreferredLeader(state, rules.of(topic), brokers)
    const condition = `preferred ${topic.id} ${state.index} ${state.replicas[0]!}`
    const isDue = after !== undefined && waits.hasHeld(condition, settings.leaderRebalanceDelayMs)
    yield isDue ? { topic, before: state, after } : undefined
  }
}

/** Brokers that hold replicas and have been away for longer than `replica.replacement.delay.ms`. */
function lostBrokers({ image, settings, waits }: RoundContext, brokers: BrokerRoles): ReadonlySet<number> {
  const delayMs = settings.replicaReplacementDelayMs
  if (delayMs < 0) return new Set()
  const absent = new Set<number>()
  for (const { state } of allPartitions(image))
    for (const id of state.replicas) if (!brokers.live.has(id)) absent.add(id)
  return new Set([...absent].filter((id) => waits.hasHeld(`absent ${id}`, delayMs)))
}
