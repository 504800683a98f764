import type { Goal, Metric, Sample, Workload } from '../workloads/workload.ts'
import { spreadOf } from './statistics.ts'
import type { Spread } from './statistics.ts'
import { parseSubjectName } from './subject-name.ts'

/** All measurements of one workload: one list per broker, in the order measured, plus what went wrong. */
export interface WorkloadResult {
  readonly name: string
  readonly title: string
  readonly metric: Metric
  readonly samples: Record<string, Sample[]>
  readonly medians: Record<string, Sample>
  readonly ratios: Ratio[]
  readonly failures: Record<string, string>
}

/** The first broker's figure divided by another's, pair by pair of neighbouring measurements. */
export interface Ratio {
  readonly of: string
  readonly to: string
  readonly ratio: Spread
  readonly goal?: string
  readonly met?: boolean
}

/**
 * Draws medians and ratios from samples; the first of `names` is the broker that the goals are about, and what another
 * client makes of it is compared with the rivals too.
 */
export function summarize(
  workload: Workload,
  names: readonly string[],
  samples: Record<string, Sample[]>,
  failures: Record<string, string>,
): WorkloadResult {
  const { name, title, metric } = workload
  const medians = Object.fromEntries(Object.entries(samples).map(([subject, list]) => [subject, medianOf(list)]))
  const [target, ...others] = names
  const ratios = target === undefined ? [] : others.flatMap((other) => ratioOf(workload, samples, target, other))
  for (const lean of others.filter((name) => name.endsWith('+lean'))) {
    const rivals = others.filter((name) => name !== lean && parseSubjectName(name)?.product !== 'polylog')
    ratios.push(...rivals.flatMap((rival) => ratioOf(workload, samples, lean, rival)))
  }
  return { name, title, metric, samples, medians, ratios, failures }
}

function medianOf(samples: readonly Sample[]): Sample {
  const metrics = new Set(samples.flatMap((sample) => Object.keys(sample) as Metric[]))
  const median: Sample = {}
  for (const metric of metrics) {
    const spread = spreadOf(samples.flatMap((sample) => sample[metric] ?? []))
    if (spread) median[metric] = spread.median
  }
  return median
}

function ratioOf(workload: Workload, samples: Record<string, Sample[]>, target: string, other: string): Ratio[] {
  const values = (samples[target] ?? []).flatMap((sample, i) => {
    const [ours, theirs] = [sample[workload.metric], samples[other]?.[i]?.[workload.metric]]
    return ours === undefined || theirs === undefined || theirs === 0 ? [] : ours / theirs
  })
  const ratio = spreadOf(values)
  if (!ratio) return []
  const goal = workload.goals.find((candidate) => applies(candidate, target, other))
  return [{ of: target, to: other, ratio, ...(goal ? verdict(goal, ratio.median) : {}) }]
}

/**
 * Goals are Polylog's: against as many brokers and replicas of Kafka in the durability named, and against the limit server
 * that syncs when we do.
 */
function applies(goal: Goal, target: string, other: string): boolean {
  const [ours, theirs] = [parseSubjectName(target), parseSubjectName(other)]
  if (ours === undefined || theirs === undefined || ours.product !== 'polylog') return false
  if (goal.client !== undefined && goal.client !== ours.client) return false
  const rival = theirs.client ?? theirs.product
  if (rival !== 'kafka' && rival !== 'limit') return goal.against === rival && theirs.brokers === ours.brokers
  const durability = ours.variant ?? 'fsync'
  if (goal.durability !== undefined && goal.durability !== durability) return false
  if (ours.brokers !== theirs.brokers || ours.replicas !== theirs.replicas) return false
  if (goal.against !== theirs.product || (goal.cluster === true) !== ours.brokers > 1) return false
  return theirs.product === 'kafka' || (theirs.variant === 'fdatasync') === (durability === 'fsync')
}

function verdict(goal: Goal, value: number): { goal: string; met: boolean } {
  return goal.atLeast !== undefined
    ? { goal: `>= ${goal.atLeast}`, met: value >= goal.atLeast }
    : { goal: `<= ${goal.atMost}`, met: value <= goal.atMost! }
}

const COLUMNS: readonly { metric: Metric; head: string; digits: number }[] = [
  { metric: 'mbPerSecond', head: 'MB/s', digits: 1 },
  { metric: 'recordsPerSecond', head: 'rec/s', digits: 0 },
  { metric: 'requestsPerSecond', head: 'req/s', digits: 0 },
  { metric: 'messagesPerSecond', head: 'msg/s', digits: 0 },
  { metric: 'p50Us', head: 'p50 us', digits: 0 },
  { metric: 'p99Us', head: 'p99 us', digits: 0 },
  { metric: 'p999Us', head: 'p999 us', digits: 0 },
  { metric: 'confirmP99Us', head: 'confirm p99 us', digits: 0 },
  { metric: 'cpuUsPerMessage', head: 'CPU us/msg', digits: 2 },
  { metric: 'cpuSecondsPerGb', head: 'CPU s/GB', digits: 2 },
  { metric: 'serverCores', head: 'cores', digits: 2 },
  { metric: 'storeCores', head: 'etcd', digits: 2 },
  { metric: 'generatorCores', head: 'gen', digits: 2 },
  { metric: 'otherCores', head: 'other', digits: 2 },
  { metric: 'peakMb', head: 'peak MB', digits: 0 },
  { metric: 'idleMb', head: 'idle MB', digits: 0 },
  { metric: 'startMs', head: 'start ms', digits: 0 },
  { metric: 'p99Factor', head: 'p99 factor', digits: 2 },
  { metric: 'grownMb', head: 'grown MB', digits: 1 },
  { metric: 'shareOfHealthy', head: 'of healthy', digits: 2 },
  { metric: 'replicatedBytesPerRecord', head: 'replicated B/rec', digits: 1 },
  { metric: 'brokerBytesPerRecord', head: 'on the wire B/rec', digits: 1 },
  { metric: 'errors', head: 'errors', digits: 0 },
]

/** One workload as text: a line per broker with medians, the spread of the figure that counts, then the ratios. */
export function format(result: WorkloadResult, workload: Workload): string {
  const lines = [`${result.name}: ${result.title}`]
  const columns = COLUMNS.filter(({ metric }) =>
    Object.values(result.medians).some((median) => median[metric] !== undefined),
  )
  const digits = COLUMNS.find(({ metric }) => metric === result.metric)!.digits
  const rows = [['', ...columns.map(({ head }) => head), 'spread']]
  for (const [subject, median] of Object.entries(result.medians)) {
    const cells = columns.map(({ metric, digits: shown }) => number(median[metric], shown))
    const spread = spreadOf(result.samples[subject]!.flatMap((sample) => sample[result.metric] ?? []))
    rows.push([subject, ...cells, spread ? `${number(spread.min, digits)} .. ${number(spread.max, digits)}` : ''])
  }
  if (rows.length > 1) lines.push(...align(rows))
  for (const { of, to, ratio, goal, met } of result.ratios) {
    const judged = goal === undefined ? '' : `, goal ${goal}: ${met ? 'met' : 'NOT met'}`
    lines.push(
      `  ${of} / ${to}: ${number(ratio.median, 2)} (${number(ratio.min, 2)} .. ${number(ratio.max, 2)})${judged}`,
    )
  }
  lines.push(...ownGoals(result, workload))
  for (const [subject, failure] of Object.entries(result.failures)) lines.push(`  ${subject} FAILED: ${failure}`)
  return `${lines.join('\n')}\n`
}

function ownGoals(result: WorkloadResult, workload: Workload): string[] {
  const goal = workload.goals.find(({ against }) => against === 'itself')
  return Object.entries(result.medians).flatMap(([subject, median]) => {
    const value = median[result.metric]
    const isOurs = subject.startsWith('polylog') && goal?.client === parseSubjectName(subject)?.client
    if (goal === undefined || value === undefined || !isOurs) return []
    const { goal: text, met } = verdict(goal, value)
    return [`  ${subject}: goal ${text}: ${met ? 'met' : 'NOT met'}`]
  })
}

function number(value: number | undefined, digits: number): string {
  return value === undefined
    ? ''
    : value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

function align(rows: readonly string[][]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map(
    (row) => `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ')}`,
  )
}
