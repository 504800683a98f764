import { Histogram } from './metrics.ts'
import type { Family, Labels, MetricsRegistry } from './metrics.ts'

export const prometheusContentType = 'text/plain; version=0.0.4; charset=utf-8'

/** Longest label value; longer ones are cut. */
const labelCharactersMax = 256

/** Everything the registry knows in Prometheus's text format 0.0.4. */
export function prometheusText(registry: MetricsRegistry): string {
  let room = registry.seriesMax - registry.seriesCount
  let dropped = registry.dropped
  let text = ''
  for (const family of registry.families()) {
    const lines = seriesLines(family)
    for (const reader of family.readers) {
      for (const { labels, value } of reader()) {
        if (room-- > 0) lines.push(line(family.name, labels, value))
        else dropped++
      }
    }
    if (lines.length > 0) text += `${heading(family.name, family.type, family.help)}${lines.join('')}`
  }
  const name = 'polylog_metrics_dropped_series'
  return `${text}${heading(name, 'gauge', 'Series left out because of metrics.series.max.')}${line(name, {}, dropped)}`
}

function heading(name: string, type: string, help: string): string {
  return `# HELP ${name} ${escape(help, false)}\n# TYPE ${name} ${type}\n`
}

function seriesLines(family: Family): string[] {
  const lines: string[] = []
  for (const { labels, instrument } of family.series) {
    if (!(instrument instanceof Histogram)) {
      lines.push(line(family.name, labels, instrument.value))
      continue
    }
    let cumulative = 0
    for (const [i, count] of instrument.counts.entries()) {
      cumulative += count
      const bound = i < instrument.bounds.length ? String(instrument.bounds[i]!) : '+Inf'
      lines.push(line(`${family.name}_bucket`, { ...labels, le: bound }, cumulative))
    }
    lines.push(line(`${family.name}_sum`, labels, instrument.sum), line(`${family.name}_count`, labels, cumulative))
  }
  return lines
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escape(text, true)}"`)
  const shown =
    value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${shown}\n`
}

function escape(text: string, isLabel: boolean): string {
  const cut = text.length > labelCharactersMax ? text.slice(0, labelCharactersMax) : text
  const escaped = cut.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return isLabel ? escaped.replaceAll('"', '\\"') : escaped
}
