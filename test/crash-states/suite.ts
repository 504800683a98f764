import { SimulatedRandom } from '../../packages/broker/src/host/simulated/simulated-random.ts'
import { branchKinds, tryState } from './branch.ts'
import { DeviceModel } from './device-model.ts'
import { Expectation } from './expectation.ts'
import { fateAt, fatesPerMoment } from './fates.ts'
import type { DiskWrapper } from './disk-wrapper.ts'
import type { Trace } from './trace.ts'

export interface StateFailure {
  seed: number
  state: number
  message: string
}

export interface SuiteResult {
  /** States tried, each different from the others of the same moment. */
  stateCount: number
  failures: StateFailure[]
}

export interface SuiteOptions {
  trace: Trace
  /** Numbers of the states to try, rising; a number is (operations that happened - 1) * fatesPerMoment + fate. */
  states: Iterable<number>
  failuresMax: number
  /** Ends after so many different states. */
  statesMax?: number
  /** Breaks the disk that the recovering store sees; for canaries. */
  wrap?: DiskWrapper
  progress?: (tried: number) => void
}

export function stateTotal(trace: Trace): number {
  return trace.operationCount * fatesPerMoment
}

/** `count` state numbers spread over the whole trace, with every kind of fate among them. */
export function* spread(trace: Trace, count: number): Generator<number> {
  const total = stateTotal(trace)
  for (let i = 0; i < count; i++) {
    const start = Math.floor((i * total) / count)
    const end = Math.max(start + 1, Math.floor(((i + 1) * total) / count))
    // A fixed stride would always meet the same fates.
    yield start + ((i * 7919) % (end - start))
  }
}

/** Rebuilds states that a crash may leave along a trace and opens a store on each. */
export async function runSuite(options: SuiteOptions): Promise<SuiteResult> {
  const { trace } = options
  const walk = new TraceWalk(trace)
  const result: SuiteResult = { stateCount: 0, failures: [] }
  const tried = new Set<string>()
  let moment = -1
  for (const state of options.states) {
    if (result.stateCount === options.statesMax) break
    const wanted = Math.floor(state / fatesPerMoment)
    if (wanted !== moment) tried.clear()
    moment = wanted
    walk.advanceTo(moment)
    const random = new SimulatedRandom(`${trace.seed}/${state}`)
    const crash = walk.device.crash(fateAt(state % fatesPerMoment, random))
    if (tried.has(crash.fingerprint)) continue
    tried.add(crash.fingerprint)
    result.stateCount++
    try {
      const kind = branchKinds[state % branchKinds.length]!
      await tryState(crash.state, walk.expectation, kind, random, options.wrap ?? ((disk) => disk))
    } catch (error) {
      result.failures.push({ seed: trace.seed, state, message: String(error) })
      if (result.failures.length >= options.failuresMax) break
    }
    options.progress?.(result.stateCount)
  }
  return result
}

/** The device and the users' knowledge at a moment of the trace. */
class TraceWalk {
  readonly device = new DeviceModel()
  readonly expectation = new Expectation()
  readonly #trace: Trace
  #next = 0
  #moment = -1

  constructor(trace: Trace) {
    this.#trace = trace
  }

  /** Forward to right before the operation after number `moment`: everybody has learned all there is to learn. */
  advanceTo(moment: number): void {
    const { items } = this.#trace
    while (this.#next < items.length) {
      const item = items[this.#next]!
      if ('operation' in item) {
        if (this.#moment === moment) return
        this.#moment++
        this.device.apply(item.operation)
      } else {
        this.expectation.apply(item.deed)
      }
      this.#next++
    }
  }
}
