import { Histogram } from './histogram.ts'
import { cpuSecondsOfAll, machineCpuSeconds } from './process-stats.ts'

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
  /** CPU seconds of the server processes within the window; absent without a pid. */
  serverCpuSeconds?: number
  /** The same of the metadata store's processes. */
  storeCpuSeconds?: number
  /** Share of one core the generator used: near 1 means that it, not the server, was the limit. */
  generatorCores: number
  /** Cores of the whole machine that were busy or taken by the host. */
  machineCores: number
  /** Records acknowledged over the whole run, warm-up and drain included. */
  recordsAcknowledged: number
}

/** Counts what is answered between `open` and `close`, and the CPU both processes used meanwhile. */
export class Window {
  readonly #server: CpuMeter
  readonly #store: CpuMeter
  readonly #latencies = new Histogram()
  readonly #errorCodes = new Map<number, number>()
  #opened = false
  #openedAtMs = 0
  #seconds = 0
  #bytes = 0
  #records = 0
  #requests = 0
  #generatorCpu = process.cpuUsage()
  #generatorCores = 0
  #machineCpuBefore = 0
  #machineCores = 0
  recordsAcknowledged = 0

  constructor(pids: readonly number[] = [], storePids: readonly number[] = []) {
    this.#server = new CpuMeter(pids)
    this.#store = new CpuMeter(storePids)
  }

  open(): void {
    this.#opened = true
    this.#server.open()
    this.#store.open()
    this.#machineCpuBefore = machineCpuSeconds()
    this.#generatorCpu = process.cpuUsage()
    this.#openedAtMs = performance.now()
  }

  close(): void {
    if (!this.#opened) return
    this.#opened = false
    this.#seconds = (performance.now() - this.#openedAtMs) / 1000
    const used = process.cpuUsage(this.#generatorCpu)
    this.#generatorCores = (used.user + used.system) / 1e6 / this.#seconds
    this.#machineCores = (machineCpuSeconds() - this.#machineCpuBefore) / this.#seconds
    this.#server.close()
    this.#store.close()
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
      ...(this.#server.seconds === undefined ? {} : { serverCpuSeconds: this.#server.seconds }),
      ...(this.#store.seconds === undefined ? {} : { storeCpuSeconds: this.#store.seconds }),
      generatorCores: this.#generatorCores,
      machineCores: this.#machineCores,
      recordsAcknowledged: this.recordsAcknowledged,
    }
  }
}

/** The CPU time some processes use between `open` and `close`. */
class CpuMeter {
  readonly #pids: readonly number[]
  #before: number | undefined
  /** Undefined without processes, or when one of them could not be read. */
  seconds: number | undefined

  constructor(pids: readonly number[]) {
    this.#pids = pids
  }

  open(): void {
    this.#before = cpuSecondsOfAll(this.#pids)
  }

  close(): void {
    const after = cpuSecondsOfAll(this.#pids)
    if (after !== undefined && this.#before !== undefined) this.seconds = after - this.#before
  }
}
