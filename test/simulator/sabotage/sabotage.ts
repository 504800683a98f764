import type { Plan } from '../world/plan.ts'

/** A bug that peers had (reliability.md §6 of the reference, by number), put into this process until it is undone. */
export interface Sabotage {
  name: string
  /** Where the bug was found. */
  source: string
  /** Conditions under which it shows: what a seed might draw, too. */
  plan: Partial<Plan>
  /**
   * Seeds within which `npm test` must find it; without it, only `sabotage/main.ts` looks for it. Any change of the broker draws other runs from the
   * same seeds, so the bound is where a search fails once in 10,000 changes: ln(1e-4) / ln(1 - p), p being the share of seeds that find it.
   */
  seedCountMax?: number
  /** Begins it; the function given back ends it. */
  begin: () => () => void
}
