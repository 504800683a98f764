import type { Address } from '../load/job.ts'

const TIMEOUT_MS = 10_000

/** Sums of counters without labels over some brokers, from their Prometheus text; throws for a counter that one lacks. */
export async function sumsOf<Name extends string>(
  addresses: readonly Address[],
  names: readonly Name[],
): Promise<Record<Name, number>> {
  const sums = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>
  for (const { host, port } of addresses) {
    const response = await fetch(`http://${host}:${port}/metrics`, { signal: AbortSignal.timeout(TIMEOUT_MS) })
    const text = await response.text()
    for (const name of names) {
      const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]
      if (value === undefined) throw new Error(`${host}:${port} has no metric called ${name}`)
      sums[name] += Number(value)
    }
  }
  return sums
}
