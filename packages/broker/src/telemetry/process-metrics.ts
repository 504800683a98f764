import type { MetricsRegistry } from './metrics.ts'

/** What the operating system tells of the process. */
export interface ProcessFacts {
  residentBytes(): number
  heapUsedBytes(): number
  /** Memory of buffers outside the JavaScript heap. */
  bufferBytes(): number
  cpuSeconds(): number
  /** Seconds since 1970. */
  startedSeconds: number
}

/** Registers the process metrics that Prometheus dashboards expect, under their usual names. */
export function addProcessMetrics(registry: MetricsRegistry, facts: ProcessFacts): void {
  registry.read('process_resident_memory_bytes', 'gauge', 'Resident memory.', () => facts.residentBytes())
  registry.read('process_cpu_seconds_total', 'counter', 'User and system CPU time.', () => facts.cpuSeconds())
  registry.read('process_start_time_seconds', 'gauge', 'Start, in seconds since 1970.', () => facts.startedSeconds)
  registry.read('nodejs_heap_size_used_bytes', 'gauge', 'JavaScript heap in use.', () => facts.heapUsedBytes())
  registry.read('nodejs_external_memory_bytes', 'gauge', 'Buffers outside the heap.', () => facts.bufferBytes())
}
