import type { ClusterImage } from '../image/cluster-image.ts'
import type { Policy } from '../image/records.ts'
import { isInternalTopic } from '../image/topic.ts'
import type { Topic } from '../image/topic.ts'
import { readPolicy } from './policy.ts'
import type { PolicyEffect } from './policy.ts'

export interface EffectivePolicy {
  readonly policy: Policy
  readonly effect: PolicyEffect
}

/**
 * The one policy in force for a name: of those that match, that of the highest priority, and among equals the one whose
 * name sorts first (as code units). The broker's own topics have none, so that a policy for everything cannot harm them.
 */
export function effectivePolicy(
  image: ClusterImage,
  name: string,
  kind: 'topic' | 'queue',
): EffectivePolicy | undefined {
  if (isInternalTopic(name)) return undefined
  let best: EffectivePolicy | undefined
  for (const policy of image.policies.values()) {
    if (policy.applyTo !== 'all' && policy.applyTo !== `${kind}s`) continue
    if (best !== undefined && !precedes(policy, best.policy)) continue
    const found = readPolicy(policy)
    if (typeof found !== 'string' && found.pattern.matches(name)) best = { policy, effect: found.effect }
  }
  return best
}

function precedes(left: Policy, right: Policy): boolean {
  return left.priority > right.priority || (left.priority === right.priority && left.name < right.name)
}

/** The settings of a topic before the broker's defaults: its own over those of its policy. */
export function effectiveTopicConfigs(image: ClusterImage, topic: Topic): ReadonlyMap<string, string> {
  const policy = effectivePolicy(image, topic.name, 'topic')
  if (policy === undefined || policy.effect.configs.size === 0) return topic.configs
  return new Map([...policy.effect.configs, ...topic.configs])
}
