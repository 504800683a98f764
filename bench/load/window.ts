import { readFileSync } from 'node:fs'
import { Histogram } from './histogram.ts'

/** CPU time is counted in ticks of USER_HZ, which Linux fixes at 100 for /proc on every architecture Node runs on. */
const TICKS_PER_SECOND = 100

/** User plus system CPU seconds of a process since its start, all threads, children not included; undefined if unreadable. */
export function cpuSecondsOf(pid: number | undefined): number | undefined {
  if (pid === undefined) return undefined
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
  // The command name in parentheses may contain spaces; the fields behind it are fixed, utime and stime being 14 and 15.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** No such process, or no /proc at all. */
function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')
}

/** What one measured window showed. Bytes are those of record batches, latencies microseconds. */
export interface LoadResult {
  seconds: number
  bytes: number
  records: number
  requests: number
  errors: number
  /** Kafka error code -> how often. */
  errorCodes: Record<string, number>
  latencyUs: { p50: number; p99: number; p999: number; max: number }
  /** CPU seconds of the server process within the window; absent without a pid. */
  serverCpuSeconds?: number
  /** Share of one core the generator used: near 1 means that it, not the server, was the limit. */
  generatorCores: number
  /** Records acknowledged over the whole run, warm-up and drain included. */
  recordsAcknowledged: number
}

/** Counts what is answered between `open` and `close`, and the CPU both processes used meanwhile. */
export class Window {
  readonly #pid: number | undefined
  readonly #latencies = new Histogram()
  readonly #errorCodes = new Map<number, number>()
  #opened = false
  #openedAtMs = 0
  #seconds = 0
  #bytes = 0
  #records = 0
  #requests = 0
  #serverCpuBefore: number | undefined
  #serverCpuSeconds: number | undefined
  #generatorCpu = process.cpuUsage()
  #generatorCores = 0
  recordsAcknowledged = 0

  constructor(pid: number | undefined) {
    this.#pid = pid
  }

  open(): void {
    this.#opened = true
    this.#serverCpuBefore = cpuSecondsOf(this.#pid)
    this.#generatorCpu = process.cpuUsage()
    this.#openedAtMs = performance.now()
  }

  close(): void {
    if (!this.#opened) return
    this.#opened = false
    this.#seconds = (performance.now() - this.#openedAtMs) / 1000
    const used = process.cpuUsage(this.#generatorCpu)
    this.#generatorCores = (used.user + used.system) / 1e6 / this.#seconds
    const after = cpuSecondsOf(this.#pid)
    if (after !== undefined && this.#serverCpuBefore !== undefined)
      this.#serverCpuSeconds = after - this.#serverCpuBefore
  }

  /** One request was answered with data stored or delivered. */
  answered(latencyMs: number, bytes: number, records: number): void {
    this.recordsAcknowledged += records
    if (!this.#opened) return
    this.#requests++
    this.#bytes += bytes
    this.#records += records
    this.#latencies.record(latencyMs * 1000)
  }

  /** One request was refused. Counted at any time: a warm-up full of errors is a result too. */
  refused(errorCode: number): void {
    this.#errorCodes.set(errorCode, (this.#errorCodes.get(errorCode) ?? 0) + 1)
  }

  result(): LoadResult {
    const latencies = this.#latencies
    return {
      seconds: this.#seconds,
      bytes: this.#bytes,
      records: this.#records,
      requests: this.#requests,
      errors: [...this.#errorCodes.values()].reduce((sum, count) => sum + count, 0),
      errorCodes: Object.fromEntries(this.#errorCodes),
      latencyUs: {
        p50: latencies.quantile(0.5),
        p99: latencies.quantile(0.99),
        p999: latencies.quantile(0.999),
        max: latencies.max,
      },
      ...(this.#serverCpuSeconds === undefined ? {} : { serverCpuSeconds: this.#serverCpuSeconds }),
      generatorCores: this.#generatorCores,
      recordsAcknowledged: this.recordsAcknowledged,
    }
  }
}
