import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * The binding ends its clients, their threads and their membership only when their objects are collected. Until then they
 * look for the broker that is gone, and say so on stderr.
 */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // What awaits and closures still hold is let go of in the turns in between.
  for (let round = 0; round < 3; round++) {
    await setImmediate()
    collect()
  }
}
