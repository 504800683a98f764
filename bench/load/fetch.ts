import { FetchConnection } from './fetch-connection.ts'
import type { FetchLoad, FetchRange, Job } from './job.ts'
import { checkLeader, leadersOf } from './leaders.ts'
import type { RunningLoad } from './produce.ts'
import { within } from './produce.ts'
import type { Window } from './window.ts'

/** A Fetch at the end of a log waits up to 500 ms; anything much longer is a broker that does not answer. */
const DRAIN_MS_MAX = 30_000

/** Starts reading at once; ends by itself when no range repeats and all are read. */
export async function startFetch(job: Job, load: FetchLoad, window: Window): Promise<RunningLoad> {
  const ended = Promise.withResolvers<void>()
  ended.promise.catch(() => undefined)
  const open = new Set<FetchConnection>()
  const events = {
    answered: (latencyMs: number, bytes: number, records: number) => window.answered(latencyMs, bytes, records),
    refused(errorCode: number) {
      checkLeader(errorCode)
      window.refused(errorCode)
    },
    finished(connection: FetchConnection) {
      open.delete(connection)
      connection.close()
      if (open.size === 0) ended.resolve()
    },
    failed(error: Error) {
      open.clear()
      ended.reject(error)
    },
  }
  for (const ofClient of byConnection(load.ranges)) {
    for (const { address, partitions } of leadersOf(job, [...new Set(ofClient.map(({ partition }) => partition))])) {
      const ranges = ofClient.filter(({ partition }) => partitions.includes(partition))
      open.add(await FetchConnection.open(address, { ...load, ranges }, events))
    }
  }
  for (const connection of open) connection.start()
  return {
    ended: ended.promise,
    async stop() {
      const waiting = open.size > 0
      for (const connection of open) connection.stop()
      if (waiting) await within(ended.promise, DRAIN_MS_MAX, 'answers to the last fetches')
    },
    abandon() {
      for (const connection of open) connection.close()
    },
  }
}

function byConnection(ranges: readonly FetchRange[]): FetchRange[][] {
  const connections = new Map<number, FetchRange[]>()
  for (const range of ranges) connections.set(range.connection, [...(connections.get(range.connection) ?? []), range])
  return [...connections.values()]
}
