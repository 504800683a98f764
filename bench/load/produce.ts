import { recordBatch } from './frame.ts'
import type { Job, ProduceLoad } from './job.ts'
import { checkLeader, leadersOf } from './leaders.ts'
import { ProduceConnection } from './produce-connection.ts'
import { frameRing } from './ring.ts'
import type { Window } from './window.ts'

/** A timer fires up to this late without the generator being at fault; later than that, latency counts from the plan. */
const LATE_MS = 2
const DRAIN_MS_MAX = 30_000

/** A load that runs until stopped. */
export interface RunningLoad {
  /** Stops sending, waits for what is in flight, closes the connections. */
  stop(): Promise<void>
  /** Closes the connections at once, for a load that failed. */
  abandon(): void
  /** Settles when the load has ended by itself; rejects when a connection fails. Never settles for endless loads. */
  readonly ended: Promise<void>
}

/** Starts producing at once; every answer is reported to `window`. */
export async function startProduce(job: Job, load: ProduceLoad, window: Window): Promise<RunningLoad> {
  const batch = recordBatch(load.batchBytes, load.valueBytes)
  const ended = Promise.withResolvers<void>()
  // A failure is reported through `ended` to whoever waits for it; nobody may be waiting yet.
  ended.promise.catch(() => undefined)
  const drained = Promise.withResolvers<void>()
  const connections: ProduceConnection[] = []
  let sending = true
  let bytesLeft = load.bytesTotal ?? Number.POSITIVE_INFINITY
  const isIdle = () => connections.every((connection) => connection.inFlight === 0)
  const events = {
    answered(latencyMs: number, errorCode: number) {
      if (errorCode === 0) {
        window.answered(latencyMs, batch.bytes.length, batch.records)
        bytesLeft -= batch.bytes.length
        return
      }
      window.refused(errorCode)
      checkLeader(errorCode)
    },
    turn(connection: ProduceConnection, answers: number) {
      if (bytesLeft <= 0) {
        sending = false
        ended.resolve()
      }
      if (sending && load.requestsPerSecond === undefined) connection.send(answers, performance.now())
      else if (!sending && isIdle()) drained.resolve()
    },
    failed: (error: Error) => {
      sending = false
      ended.reject(error)
      drained.resolve()
    },
  }
  const rotation: ProduceConnection[][] = Array.from({ length: load.partitions }, () => [])
  for (const { address, partitions } of leadersOf(job, [...rotation.keys()])) {
    const ring = frameRing(load.topic, partitions, batch)
    for (let i = 0; i < load.connections; i++) {
      const ringAt = Math.floor((i * ring.frames) / load.connections)
      const connection = await ProduceConnection.open(address, ring, load.topic, ringAt, events)
      connections.push(connection)
      for (const partition of partitions) rotation[partition]!.push(connection)
    }
  }
  let pacer: Pacer | undefined
  if (load.requestsPerSecond === undefined)
    for (const connection of connections) connection.send(load.inFlight, performance.now())
  else pacer = new Pacer(rotation.flat(), load.requestsPerSecond, ended.reject)
  return {
    ended: ended.promise,
    async stop() {
      sending = false
      pacer?.stop()
      if (!isIdle()) await within(drained.promise, DRAIN_MS_MAX, 'answers to the last requests')
      for (const connection of connections) connection.close()
    },
    abandon() {
      sending = false
      pacer?.stop()
      for (const connection of connections) connection.close()
    },
  }
}

/**
 * Sends at a constant rate, connections in rotation, without waiting for answers. A connection is listed once for each
 * partition its broker leads, so that all partitions get the same.
 */
class Pacer {
  readonly #connections: readonly ProduceConnection[]
  readonly #requestsPerMs: number
  readonly #fail: (error: Error) => void
  readonly #startedAtMs = performance.now()
  #sent = 0
  #timer: NodeJS.Timeout

  constructor(connections: readonly ProduceConnection[], requestsPerSecond: number, fail: (error: Error) => void) {
    this.#connections = connections
    this.#requestsPerMs = requestsPerSecond / 1000
    this.#fail = fail
    this.#timer = setTimeout(() => this.#tick(), 1)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #tick(): void {
    this.#timer = setTimeout(() => this.#tick(), 1)
    const nowMs = performance.now()
    const due = 1 + Math.floor((nowMs - this.#startedAtMs) * this.#requestsPerMs)
    while (this.#sent < due) {
      const plannedMs = this.#startedAtMs + this.#sent / this.#requestsPerMs
      const connection = this.#connections[this.#sent % this.#connections.length]!
      if (connection.room === 0) {
        this.stop()
        this.#fail(new Error('the broker cannot keep up with the rate: 16,384 requests in flight on a connection'))
        return
      }
      connection.send(1, nowMs - plannedMs > LATE_MS ? plannedMs : nowMs)
      this.#sent++
    }
  }
}

/** Rejects with a sentence when `promise` takes longer than the limit. */
export async function within<T>(promise: Promise<T>, limitMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limitMs} ms in vain for ${what}`)), limitMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
