import { setTimeout as delay } from 'node:timers/promises'
import { startFetch } from './fetch.ts'
import type { Job } from './job.ts'
import { startProduce } from './produce.ts'
import { Window } from './window.ts'
import type { LoadResult } from './window.ts'

/** What a job showed: one result per kind of load it ran. */
export interface JobResult {
  readonly produce?: LoadResult
  readonly fetch?: LoadResult
}

/** Runs the loads of a job side by side: warm-up, measured window, drain. Rejects when the broker breaks a connection. */
export async function runJob(job: Job): Promise<JobResult> {
  const window = () => new Window(job.pids, job.storePids)
  const windows = { produce: window(), fetch: window() }
  const open = () => {
    windows.produce.open()
    windows.fetch.open()
  }
  // Without a warm-up the first answers count: they may be a good part of all there is.
  if (job.warmupMs === 0) open()
  const loads = []
  if (job.produce) loads.push(await startProduce(job, job.produce, windows.produce))
  if (job.fetch) loads.push(await startFetch(job, job.fetch, windows.fetch))
  const abort = new AbortController()
  const ended = Promise.race(loads.map((load) => load.ended))
  const wait = (ms: number) => Promise.race([delay(ms, undefined, { signal: abort.signal }), ended])
  try {
    if (job.warmupMs > 0) {
      await wait(job.warmupMs)
      open()
    }
    await wait(job.measureMs)
    windows.produce.close()
    windows.fetch.close()
    for (const load of loads) await load.stop()
  } catch (error) {
    for (const load of loads) load.abandon()
    throw error
  } finally {
    abort.abort()
  }
  return {
    ...(job.produce ? { produce: windows.produce.result() } : {}),
    ...(job.fetch ? { fetch: windows.fetch.result() } : {}),
  }
}
