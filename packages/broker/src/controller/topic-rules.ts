import type { BrokerSettings } from '../config/broker-table.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import type { Placement, Topic } from '../image/topic.ts'
import { isInternalTopic } from '../image/topic.ts'
import { effectivePolicy } from './effective-policy.ts'
import type { PolicyEffect } from './policy.ts'

/** How many replicas the partitions of a topic shall have, and on which brokers. */
export type PlacementRule =
  /** What was assigned by name: as many as there are, moved by drains and operators only. */
  | { readonly kind: 'assigned' }
  /** `isFirm`: that many were promised, so a drain does not lower the number. */
  | { readonly kind: 'count'; readonly count: number; readonly isFirm: boolean; readonly mayGrow: boolean }
  | { readonly kind: 'all'; readonly mayGrow: boolean }
  | { readonly kind: 'nodes'; readonly brokerIds: readonly number[]; readonly mayGrow: boolean }

/** What the controller must know of a topic beside its partitions. */
export interface TopicRule {
  readonly placement: PlacementRule
  readonly minInsyncReplicas: number
  /** `unclean.leader.election.enable`, or a policy's `ha-promote-on-failure: always`. */
  readonly promotesOnFailure: boolean
  readonly promotesOnShutdown: boolean
}

/** Replicas of a topic about which nothing was said. */
const replicaCountDefault = 3

/**
 * Where the replicas of a topic belong: explicit assignment, else the policy in force, else the factor asked for, else up
 * to three.
 */
export function placementRule(image: ClusterImage, topicName: string, placement: Placement): PlacementRule {
  if (placement.kind === 'assigned') return { kind: 'assigned' }
  const effect = effectivePolicy(image, topicName, 'topic')?.effect
  return ruleOf(topicName, placement, effect)
}

function ruleOf(topicName: string, placement: Placement, effect: PolicyEffect | undefined): PlacementRule {
  if (placement.kind === 'assigned') return { kind: 'assigned' }
  if (effect?.mirrors !== undefined) {
    const { mirrors, automaticSync: mayGrow } = effect
    if (mirrors.kind === 'exactly') return { kind: 'count', count: mirrors.count, isFirm: false, mayGrow }
    if (mirrors.kind === 'nodes') return { kind: 'nodes', brokerIds: mirrors.brokerIds, mayGrow }
    return { kind: 'all', mayGrow }
  }
  if (placement.kind === 'factor' && !(isInternalTopic(topicName) && placement.factor < replicaCountDefault)) {
    return { kind: 'count', count: placement.factor, isFirm: true, mayGrow: true }
  }
  return { kind: 'count', count: replicaCountDefault, isFirm: false, mayGrow: true }
}

/** The rules of all topics, each worked out once until the topic or a policy changes. */
export class TopicRules {
  readonly #image: ClusterImage
  readonly #settings: BrokerSettings
  #known = new WeakMap<Topic, TopicRule>()

  constructor(image: ClusterImage, settings: BrokerSettings) {
    this.#image = image
    this.#settings = settings
  }

  /** To be called when policies have changed. */
  forget(): void {
    this.#known = new WeakMap()
  }

  of(topic: Topic): TopicRule {
    const known = this.#known.get(topic)
    if (known !== undefined) return known
    const rule = this.#make(topic)
    this.#known.set(topic, rule)
    return rule
  }

  #make(topic: Topic): TopicRule {
    const effect = effectivePolicy(this.#image, topic.name, 'topic')?.effect
    const config = (name: string): string | undefined => topic.configs.get(name) ?? effect?.configs.get(name)
    const unclean = topic.configs.get('unclean.leader.election.enable')
    const mayBeUnclean = config('unclean.leader.election.enable') ?? String(this.#settings.uncleanLeaderElection)
    const least = config('min.insync.replicas')
    return {
      placement: ruleOf(topic.name, topic.placement, effect),
      minInsyncReplicas: least === undefined ? this.#settings.minInsyncReplicas : Number(least),
      promotesOnFailure: (unclean === undefined ? effect?.promotesOnFailure : undefined) ?? isTrue(mayBeUnclean),
      promotesOnShutdown: effect?.promotesOnShutdown ?? false,
    }
  }
}

function isTrue(text: string): boolean {
  return text.trim().toLowerCase() === 'true'
}
