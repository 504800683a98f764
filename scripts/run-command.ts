import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'

/** The folder of the checkout, with a slash at its end. */
export const root = fileURLToPath(new URL('..', import.meta.url))

export interface CommandResult {
  /** Exit code, or undefined if the command was ended by a signal or its time limit. */
  readonly code: number | undefined
  readonly timedOut: boolean
  /** What it wrote on stdout and stderr, in order of arrival. */
  readonly output: string
  readonly seconds: number
}

/**
 * Runs a command in the checkout and collects what it writes. Never throws because of how the command ends.
 * `environment` is added to this process's own. A command over its time limit is ended together with the processes it started.
 */
export async function runCommand(
  command: readonly string[],
  timeLimitSeconds: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const [file, ...args] = command
  const env = { ...process.env, ...environment }
  const start = performance.now()
  // A process group of its own, so that the time limit reaches the grandchildren as well.
  const child = spawn(file!, args, { cwd: root, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const endGroup = (signal: NodeJS.Signals): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal)
  }
  const interrupt = (): void => endGroup('SIGTERM')
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  const chunks: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    endGroup('SIGKILL')
  }, timeLimitSeconds * 1000)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  return {
    code: code ?? undefined,
    timedOut,
    output: Buffer.concat(chunks).toString(),
    seconds: (performance.now() - start) / 1000,
  }
}
