#!/usr/bin/env node
/**
 * The `polylog` command. Builds what is real (terminal, signals, environment), runs one command and ends the process.
 * Commands are loaded when they run, so that `start` pays for no client and `produce` for no broker.
 */
import { getEventListeners } from 'node:events'
import { fstatSync } from 'node:fs'
import { isatty } from 'node:tty'
import { run } from './cli/run.ts'
import { processTerminal } from './cli/terminal.ts'
import { version } from './version.ts'

/** Time that a finished process has to end by itself. */
const lingerMs = 500

// Touching process.stdin opens it, which a broker has no use for.
let isStdinOpen = false

const interruption = new AbortController()

/** A second signal sooner than this is the first one told twice: Ctrl-C reaches the process group, and npm passes it on. */
const echoMs = 300

let interruptedMs = 0

function interrupt(): void {
  if (interruption.signal.aborted) {
    // The second signal means "now": a stop that hangs must not need kill -9.
    if (performance.now() - interruptedMs > echoMs) process.exit(1)
    return
  }
  interruptedMs = performance.now()
  const isAwaited = getEventListeners(interruption.signal, 'abort').length > 0
  interruption.abort()
  // A command that has nothing to put in order ends like any interrupted program.
  if (!isAwaited) process.exit(130)
}

/** Size of stdin if it is a file, for a progress bar. */
function stdinBytes(): number | undefined {
  try {
    const stat = fstatSync(0)
    return stat.isFile() ? stat.size : undefined
  } catch (error) {
    // Started without a stdin (`<&-`).
    if ((error as NodeJS.ErrnoException).code === 'EBADF') return undefined
    throw error
  }
}

/**
 * Ends the process. `process.exit` straight after the last fdatasync hung in one of about 130 stops on Node 24 and 26
 * (nodejs/node 54918, 64274: the main thread joins a worker that waits for it), so the loop is left to run dry first: none
 * of 300 stops hung.
 * Only if something keeps it alive is the exit forced.
 */
function end(code: number): void {
  process.exitCode = code
  if (isStdinOpen) process.stdin.destroy()
  setTimeout(() => process.exit(code), lingerMs).unref()
}

process.on('SIGINT', interrupt)
process.on('SIGTERM', interrupt)

/** Neither timers of the broker's clock nor a promise keep the process, and who waits for etcd has nothing else at times. */
const alive = setInterval(() => {}, 2 ** 30)

const totalBytes = stdinBytes()
const code = await run(process.argv.slice(2), {
  terminal: processTerminal(process.env),
  environment: process.env,
  stdin: {
    bytes: () => {
      isStdinOpen = true
      return process.stdin
    },
    isTerminal: isatty(0),
    hide: (isHidden) => void process.stdin.setRawMode(isHidden),
    ...(totalBytes === undefined ? {} : { totalBytes }),
  },
  interrupted: interruption.signal,
  version,
})
clearInterval(alive)
end(code)
