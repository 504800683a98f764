import { flag, whole } from './setting.ts'

const dayMs = 86_400_000

/** What the controller does by itself. */
export const controlTable = {
  autoLeaderRebalance: flag({
    name: 'auto.leader.rebalance.enable',
    default: true,
    documentation: 'Whether the first replica of a partition, once back and in sync, is made its leader again.',
  }),
  leaderRebalanceDelayMs: whole('long', {
    name: 'leader.rebalance.delay.ms',
    default: 30_000,
    min: 0,
    max: dayMs,
    unit: 'ms',
    documentation: 'How long the first replica must have been in sync before it is made the leader again.',
  }),
  replicaRebalance: flag({
    name: 'replica.rebalance.enable',
    default: true,
    documentation:
      'Whether replicas move to brokers that hold fewer, such as new ones, and leaderships are spread anew. Never moves partitions that were assigned by hand.',
  }),
  replicaReplacementDelayMs: whole('long', {
    name: 'replica.replacement.delay.ms',
    default: 3_600_000,
    min: -1,
    max: 365 * dayMs,
    unit: 'ms',
    documentation:
      'How long a broker may be away before its replicas are made anew on others; -1: for ever. Draining it does so at once.',
  }),
  reassignmentMoveCountMax: whole('int', {
    name: 'reassignment.moves.per.broker.max',
    default: 8,
    min: 1,
    max: 10_000,
    unit: 'count',
    documentation:
      'Most replicas that placement lets a broker fetch anew at a time. Moves asked for by hand do not count.',
  }),
}
