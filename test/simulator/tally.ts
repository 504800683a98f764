import type { SeedReport } from './seed-report.ts'
import { clusterFaultNames, faultNames, operatorFaultNames } from './world/plan.ts'

const allFaults: readonly string[] = [...faultNames, ...clusterFaultNames, ...operatorFaultNames]

/** What many runs have come to, in sums: bounded however many there are. */
export class Tally {
  seedCount = 0
  wrongCount = 0
  invalidCount = 0
  undecidedCount = 0
  virtualMs = 0
  eventCount = 0
  acknowledgedCount = 0
  readonly #features = new Map<string, number>()
  readonly #hits = new Map<string, number>()
  readonly #findings = new Map<string, number>()

  add({ verdict, facts, kinds }: SeedReport): void {
    this.seedCount += 1
    if (verdict === 'wrong') this.wrongCount += 1
    if (verdict === 'invalid') this.invalidCount += 1
    for (const kind of kinds) count(this.#findings, kind, 1)
    if (facts === undefined) return
    this.virtualMs += facts.virtualMs
    this.eventCount += facts.eventCount
    this.acknowledgedCount += facts.acknowledgedCount
    this.undecidedCount += facts.undecidedCount
    for (const feature of facts.features) count(this.#features, feature, 1)
    for (const [name, times] of facts.hits) count(this.#hits, name, times)
  }

  /** One line for those who wait. */
  describeProgress(tookMs: number): string {
    const rate = ((this.seedCount / tookMs) * 60_000).toFixed(0)
    const sums = `${this.wrongCount} wrong, ${this.invalidCount} invalid`
    return `${this.seedCount} seeds in ${(tookMs / 1000).toFixed(0)} s (${rate} a minute): ${sums}`
  }

  /** All sums, in a few lines. */
  describe(first: number, tookMs: number): string {
    const hours = (this.virtualMs / 3_600_000).toFixed(2)
    const lines = [
      `${this.seedCount} seeds from ${first}: ${this.wrongCount} wrong, ${this.invalidCount} invalid`,
      `  ${this.describeProgress(tookMs)}`,
      `  ${hours} virtual hours (${(this.virtualMs / tookMs).toFixed(0)}x), ${this.eventCount} events, ${this.acknowledgedCount} operations acknowledged`,
      `  runs: ${listed(this.#features)}`,
      `  faults: ${listed(this.#hits)}`,
    ]
    const missing = allFaults.filter((name) => !this.#hits.has(name))
    if (missing.length > 0) lines.push(`  never hit: ${missing.join(' ')}`)
    if (this.undecidedCount > 0) lines.push(`  keys of metadata whose search was given up: ${this.undecidedCount}`)
    if (this.#findings.size > 0) lines.push(`  findings, in runs: ${listed(this.#findings)}`)
    return lines.join('\n')
  }

  /** The sums as data, for files. */
  toJSON(): object {
    const { seedCount, wrongCount, invalidCount, undecidedCount, virtualMs, eventCount, acknowledgedCount } = this
    const sums = { seedCount, wrongCount, invalidCount, undecidedCount, virtualMs, eventCount, acknowledgedCount }
    const maps = { features: this.#features, hits: this.#hits, findings: this.#findings }
    return {
      ...sums,
      ...Object.fromEntries(Object.entries(maps).map(([name, map]) => [name, Object.fromEntries(map)])),
    }
  }
}

function count(map: Map<string, number>, name: string, times: number): void {
  map.set(name, (map.get(name) ?? 0) + times)
}

function listed(map: ReadonlyMap<string, number>): string {
  return [...map]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, times]) => `${name} ${times}`)
    .join(', ')
}
