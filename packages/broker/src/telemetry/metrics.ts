/**
 * Counters, gauges and histograms. An update adds to a number and allocates nothing; all work is done at the scrape.
 * Series in all are capped: what a client can name (topics, groups, addresses) must not make memory or scrapes grow.
 */

/** A number that only grows. */
export class Counter {
  value = 0

  add(amount: number): void {
    this.value += amount
  }
}

/** A number that goes up and down. */
export class Gauge {
  value = 0

  set(value: number): void {
    this.value = value
  }

  add(amount: number): void {
    this.value += amount
  }
}

/** How often values fell below each of a few bounds. */
export class Histogram {
  /** Upper bounds, rising; values above the last are counted in one more bucket. */
  readonly bounds: Float64Array
  /** Not cumulative; one longer than `bounds`. */
  readonly counts: Float64Array
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = Float64Array.from(bounds)
    this.counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    const { bounds } = this
    let i = 0
    while (i < bounds.length && value > bounds[i]!) i++
    this.counts[i] = this.counts[i]! + 1
    this.sum += value
  }
}

export type MetricType = 'counter' | 'gauge' | 'histogram'
export type Labels = Readonly<Record<string, string>>

/** Bounds for durations in seconds: 0.1 ms to 10 s. */
export const durationBounds: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 10,
]

/** One value, read at the scrape. */
export interface Sample {
  labels: Labels
  value: number
}

/** What is known of one name: its series, and functions that yield more at the scrape. */
export interface Family {
  readonly name: string
  readonly type: MetricType
  readonly help: string
  readonly series: { labels: Labels; instrument: Counter | Gauge | Histogram }[]
  readonly readers: (() => Iterable<Sample>)[]
}

const namePattern = /^[a-z][a-z0-9_]{0,99}$/

export class MetricsRegistry {
  readonly #families = new Map<string, Family>()
  readonly #seriesMax: number
  #seriesCount = 0
  #dropped = 0
  // Takes the updates of series beyond the cap, so that callers need not know.
  readonly #spareCounter = new Counter()
  readonly #spareGauge = new Gauge()
  readonly #spareHistogram = new Histogram([])

  /** @param seriesMax most series in all, each bucket of a histogram being one */
  constructor(seriesMax = 500) {
    this.#seriesMax = seriesMax
  }

  get seriesMax(): number {
    return this.#seriesMax
  }

  /** Requests for a series that were refused because of the cap. */
  get dropped(): number {
    return this.#dropped
  }

  /** A new series of a counter. Keep it: each call makes another. */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    const family = this.#family(name, 'counter', help)
    if (!this.#admit(1)) return this.#spareCounter
    const instrument = new Counter()
    family.series.push({ labels, instrument })
    return instrument
  }

  gauge(name: string, help: string, labels: Labels = {}): Gauge {
    const family = this.#family(name, 'gauge', help)
    if (!this.#admit(1)) return this.#spareGauge
    const instrument = new Gauge()
    family.series.push({ labels, instrument })
    return instrument
  }

  histogram(name: string, help: string, bounds: readonly number[], labels: Labels = {}): Histogram {
    const family = this.#family(name, 'histogram', help)
    if (!this.#admit(bounds.length + 3)) return this.#spareHistogram
    const instrument = new Histogram(bounds)
    family.series.push({ labels, instrument })
    return instrument
  }

  /** A value that is asked for at the scrape; it must be cheap to tell. */
  read(name: string, type: 'counter' | 'gauge', help: string, value: () => number): void {
    this.readMany(name, type, help, () => [{ labels: {}, value: value() }])
  }

  /** Several series that are asked for at the scrape, as many as then fit under the cap. */
  readMany(name: string, type: 'counter' | 'gauge', help: string, samples: () => Iterable<Sample>): void {
    this.#family(name, type, help).readers.push(samples)
  }

  /** All families in the order of their names, and how many series were made so far. */
  families(): readonly Family[] {
    return [...this.#families.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  }

  get seriesCount(): number {
    return this.#seriesCount
  }

  #family(name: string, type: MetricType, help: string): Family {
    const known = this.#families.get(name)
    if (known !== undefined) {
      if (known.type !== type) throw new Error(`invariant broken: metric ${name} is a ${known.type}, not a ${type}`)
      return known
    }
    if (!namePattern.test(name)) throw new Error(`invariant broken: "${name}" is no metric name`)
    const family: Family = { name, type, help, series: [], readers: [] }
    this.#families.set(name, family)
    return family
  }

  #admit(seriesCount: number): boolean {
    if (this.#seriesCount + seriesCount > this.#seriesMax) {
      this.#dropped++
      return false
    }
    this.#seriesCount += seriesCount
    return true
  }
}
