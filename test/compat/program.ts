import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Program {
  /** Program and arguments. */
  readonly command: readonly string[]
  readonly directory: string
  /** Added to the environment of this process. */
  readonly environment: Readonly<Record<string, string>>
  readonly timeLimitSeconds: number
}

export interface ProgramResult {
  /** Undefined when a signal or the time limit ended it. */
  readonly code: number | undefined
  readonly timedOut: boolean
  /** What it wrote on stdout and stderr, the last 8 MiB. */
  readonly output: string
  readonly seconds: number
}

const outputBytesMax = 8 * 1024 * 1024

/** Runs a program that is not ours to its end or its time limit, in a process group of its own, so that nothing stays behind. */
export async function runProgram(program: Program): Promise<ProgramResult> {
  const [file, ...args] = program.command
  const startedMs = performance.now()
  const child = spawn(file!, args, {
    cwd: program.directory,
    env: { ...process.env, ...program.environment },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const endGroup = (): void => {
    if (child.pid === undefined) return
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch (error) {
      // The whole group has ended already, which is what was wanted.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  process.once('exit', endGroup)
  const output = collect(child.stdout, child.stderr)
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    endGroup()
  }, program.timeLimitSeconds * 1000)
  const [code] = (await once(child, 'exit')) as [number | null]
  clearTimeout(timer)
  // Grandchildren may outlive the program and hold its pipes open.
  endGroup()
  process.off('exit', endGroup)
  return { code: code ?? undefined, timedOut, output: output(), seconds: (performance.now() - startedMs) / 1000 }
}

function collect(...streams: readonly NodeJS.ReadableStream[]): () => string {
  const chunks: Buffer[] = []
  let bytes = 0
  for (const stream of streams) {
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      bytes += chunk.length
      while (bytes > outputBytesMax) bytes -= chunks.shift()!.length
    })
  }
  return () => Buffer.concat(chunks).toString()
}
