import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mainFile } from './broker-process.ts'
import { patienceMs } from './wait.ts'

export interface CommandOutcome {
  /** Null if it did not end by itself within `patienceMs`. */
  code: number | null
  stdout: string
  stderr: string
}

/** Runs `polylog` with these words to its end. */
export function polylog(words: readonly string[], input = ''): Promise<CommandOutcome> {
  return runToEnd(process.execPath, [mainFile, ...words], { input })
}

/** Runs a program to its end; one that does not come to an end is killed. */
export async function runToEnd(
  program: string,
  words: readonly string[],
  options: { input?: string; cwd?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<CommandOutcome> {
  const { input = '', cwd, env = process.env, timeoutMs = patienceMs } = options
  const spawnOptions = {
    env,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    ...(cwd === undefined ? {} : { cwd }),
  } as const
  const child = spawn(program, words, { ...spawnOptions, stdio: ['pipe', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}
