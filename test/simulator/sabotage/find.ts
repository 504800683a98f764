import { Run } from '../run.ts'
import type { Plan } from '../world/plan.ts'
import { planOf } from '../world/plan.ts'
import type { Sabotage } from './sabotage.ts'

export interface Caught {
  seed: number
  kinds: string[]
  detail: string
}

/** A short, busy run of three brokers under the conditions that the bug needs. */
export function sabotagePlan({ plan }: Pick<Sabotage, 'plan'>, seed: number): Plan {
  const usual = { durability: 'fsync' as const, durationMs: 5000, calmMs: 400, recordBytesMax: 300, largeShare: 0 }
  // Queues only where the bug is about them: they take their time.
  return { ...planOf(seed, undefined, 3), ...usual, queueGroups: [], ...plan }
}

/** Runs seeds from 1 on with the bug in place, until one run has findings; undefined if none of `seedCount` has. */
export async function findSabotage(sabotage: Sabotage, seedCount: number): Promise<Caught | undefined> {
  const end = sabotage.begin()
  try {
    for (let seed = 1; seed <= seedCount; seed += 1) {
      const { findings } = await new Run(sabotagePlan(sabotage, seed)).result()
      if (findings.length === 0) continue
      const kinds = [...new Set(findings.map(({ kind }) => kind))]
      return { seed, kinds, detail: `${findings[0]!.where}: ${findings[0]!.detail}`.slice(0, 300) }
    }
    return undefined
  } finally {
    end()
  }
}
