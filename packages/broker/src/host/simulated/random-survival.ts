import type { SimulatedRandom } from './simulated-random.ts'
import type { FileSurvival } from './unsynced-file.ts'

/** Decides what a loss of power leaves of what was not synced. */
export interface Survival {
  /** For a file with `changeCount` unsynced changes. */
  file(changeCount: number): FileSurvival
  /** For the names; is asked for each change of names, oldest first. */
  names(): (index: number, count: number) => boolean
}

/**
 * Draws each file's fate from the kinds that real crashes show: nothing got there, all did, all up to some moment, the
 * same with the last write torn, or any sector on its own.
 */
export class RandomSurvival implements Survival {
  readonly #random: SimulatedRandom

  constructor(random: SimulatedRandom) {
    this.#random = random
  }

  file(changeCount: number): FileSurvival {
    const random = this.#random
    const draw = random.next()
    if (draw < 0.15) return until(0)
    if (draw < 0.3) return until(changeCount)
    const moment = random.below(changeCount + 1)
    if (draw < 0.5) return until(moment)
    const least = draw < 0.75 ? moment : 0
    const most = draw < 0.75 ? Math.min(changeCount, moment + 1) : changeCount
    const pick = (): number => least + random.below(most - least + 1)
    const versions = new Map<number, number>()
    const sectorVersion = (sector: number): number => {
      const known = versions.get(sector)
      if (known !== undefined) return known
      const picked = pick()
      versions.set(sector, picked)
      return picked
    }
    return { sectorVersion, sizeVersion: pick() }
  }

  names(): (index: number, count: number) => boolean {
    const random = this.#random
    const draw = random.next()
    if (draw < 0.15) return () => false
    if (draw < 0.3) return () => true
    const share = random.next()
    if (draw < 0.6) return (index, count) => index < share * (count + 1) - 0.5
    return () => random.chance(share)
  }
}

function until(version: number): FileSurvival {
  return { sectorVersion: () => version, sizeVersion: version }
}
