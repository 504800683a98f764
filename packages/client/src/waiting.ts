import { ClientError } from './client-error.ts'
import type { Environment } from './environment.ts'

/** A promise and the functions that end it. */
export interface Deferred<T> {
  promise: Promise<T>
  resolve: (value: T) => void
  reject: (error: unknown) => void
}

/** Whether it must be waited for, as what an async function returns: waiting for anything else costs a turn for nothing. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}

/** The error for a signal that was aborted; its reason is the cause. */
function abortedError(signal: AbortSignal): ClientError {
  return new ClientError('aborted', 'the call was aborted', { cause: signal.reason })
}

/** @throws ClientError 'aborted' */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortedError(signal)
}

/** Settles as `promise` does, or rejects with 'aborted' when the signal says so first. What was begun is not undone. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  if (signal.aborted) {
    // Its outcome is of no interest any more, and must not count as unhandled.
    promise.catch(() => undefined)
    throw abortedError(signal)
  }
  const aborted = deferred<never>()
  const onAbort = (): void => aborted.reject(abortedError(signal))
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** Resolves after `delayMs`. @throws ClientError 'aborted' as soon as the signal is aborted */
export async function pauseFor(environment: Environment, delayMs: number, signal?: AbortSignal): Promise<void> {
  throwIfAborted(signal)
  const { promise, resolve } = deferred<void>()
  const cancel = environment.after(delayMs, resolve)
  try {
    await abortable(promise, signal)
  } finally {
    cancel()
  }
}

/** Settles as `promise` does, or rejects with what `late` returns after `timeoutMs`. What was begun is not undone. */
export async function within<T>(
  environment: Environment,
  promise: Promise<T>,
  timeoutMs: number,
  late: () => ClientError,
): Promise<T> {
  const over = deferred<never>()
  const cancel = environment.after(timeoutMs, () => over.reject(late()))
  try {
    return await Promise.race([promise, over.promise])
  } finally {
    cancel()
  }
}

/** Calls `action` again and again, so long after it has ended, until the signal is aborted. Resolves then. */
export async function every(
  environment: Environment,
  intervalMs: number,
  signal: AbortSignal,
  action: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    await pauseFor(environment, intervalMs, signal).catch(() => undefined)
    if (!signal.aborted) await action()
  }
}

/** Times between attempts. */
export interface Backoff {
  /** Before the second attempt. */
  initialMs: number
  maxMs: number
}

/**
 * How long to wait after the attempt of this number, from 1: doubled each time up to the maximum, of which a half is left to
 * chance, so that clients which failed together do not come back together.
 */
export function backoffMs({ initialMs, maxMs }: Backoff, attempt: number, random: number): number {
  const full = Math.min(maxMs, initialMs * 2 ** Math.min(attempt - 1, 40))
  return full / 2 + (full / 2) * random
}
