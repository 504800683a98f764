import type { RunResult } from './run.ts'
import type { FaultName, Plan } from './world/plan.ts'

export type Verdict = 'ok' | 'wrong' | 'invalid'

/** What a worker says about a seed. */
export interface SeedReport {
  seed: number
  verdict: Verdict
  text: string
  /** Of its findings, each once. */
  kinds: string[]
  /** Undefined where the process did not live to tell. */
  facts: SeedFacts | undefined
}

export interface SeedFacts {
  plan: Plan
  virtualMs: number
  eventCount: number
  acknowledgedCount: number
  undecidedCount: number
  hits: [FaultName, number][]
  features: string[]
  /** Of the process, after the run. */
  memoryBytes: number
}

export function factsOf(result: RunResult): SeedFacts {
  const { plan, virtualMs, eventCount, acknowledgedCount, undecidedKeys, hits } = result
  return {
    plan,
    virtualMs,
    eventCount,
    acknowledgedCount,
    undecidedCount: undecidedKeys.length,
    hits: [...hits],
    features: featuresOf(plan),
    memoryBytes: process.memoryUsage.rss(),
  }
}

/** What a plan exercises, so that a sum over many runs shows what was never tried. */
function featuresOf(plan: Plan): string[] {
  const features = [`${plan.brokerCount} brokers`, plan.durability, plan.compression]
  if (plan.isLong) features.push('long')
  if (plan.groupMembers > 0) features.push('groups')
  if (plan.queueGroups.length > 0) features.push('queues')
  if (plan.queueGroups.length > 0) features.push(`queues on ${plan.brokerCount} brokers`)
  for (const { hasDeadLetters, messageTtlMs, tag } of plan.queueGroups) {
    if (hasDeadLetters) features.push('queue dead letters')
    if (messageTtlMs >= 0) features.push('queue TTL')
    if (tag !== '') features.push('queue filter')
  }
  if (plan.largeShare > 0) features.push('large records')
  if (plan.plainProducers > 0) features.push('plain producers')
  for (const [power, isOn] of Object.entries(plan.admin)) if (isOn) features.push(`admin ${power}`)
  return features
}
