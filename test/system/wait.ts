import { setTimeout as delay } from 'node:timers/promises'

/** Generous, because these tests share a machine with whatever else runs there; nothing waits longer than it needs. */
export const patienceMs = 60_000

/**
 * Resolves once `condition` holds; looks every 20 ms.
 * @param what names the condition; a function is asked when it is too late, so that it can tell how far things got
 * @throws Error when it does not hold within `timeoutMs`
 */
export async function until(
  what: string | (() => string),
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number = patienceMs,
): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`after ${timeoutMs} ms: ${typeof what === 'string' ? what : what()}`)
    await delay(20)
  }
}
