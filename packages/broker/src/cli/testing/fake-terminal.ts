import { Readable } from 'node:stream'
import { run } from '../run.ts'
import type { WorldContext } from '../run.ts'
import { OutputClosed } from '../terminal.ts'
import type { Terminal } from '../terminal.ts'

/** A terminal that remembers. */
export class FakeTerminal implements Terminal {
  stdout = ''
  stderr = ''
  isInteractive = false
  hasColour = false
  columns = 80
  /** Bytes after which nobody reads any more. */
  closesAfter = Number.POSITIVE_INFINITY

  print(text: string | Uint8Array): Promise<void> {
    this.stdout += typeof text === 'string' ? text : Buffer.from(text).toString()
    return this.stdout.length > this.closesAfter ? Promise.reject(new OutputClosed()) : Promise.resolve()
  }

  note(line: string): void {
    this.stderr += `${line}\n`
  }

  draw(text: string): void {
    this.stderr += text
  }
}

export interface Outcome {
  code: number
  stdout: string
  stderr: string
}

export interface RunOptions {
  stdin?: string
  /** A person at the terminal: what is typed, in pieces, and who is told whether it is to be seen. */
  keyboard?: { readonly keys: readonly string[]; readonly hide: (isHidden: boolean) => void }
  environment?: Record<string, string>
  interrupted?: AbortSignal
  terminal?: FakeTerminal
}

/** Runs a command line written as one would type it; words are parted by blanks. */
export async function runLine(line: string, options: RunOptions = {}): Promise<Outcome> {
  const terminal = options.terminal ?? new FakeTerminal()
  const code = await run(line === '' ? [] : line.split(' '), {
    terminal,
    environment: options.environment ?? {},
    stdin: stdinOf(options),
    interrupted: options.interrupted ?? new AbortController().signal,
    version: '0.1.0',
  })
  return { code, stdout: terminal.stdout, stderr: terminal.stderr }
}

function stdinOf({ stdin = '', keyboard }: RunOptions): WorldContext['stdin'] {
  if (keyboard === undefined) return { bytes: () => chunksOf(stdin), isTerminal: false }
  const { keys, hide } = keyboard
  return { bytes: () => Readable.from(keys.map((key) => Buffer.from(key))), isTerminal: true, hide }
}

async function* chunksOf(text: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += 1000) {
    yield bytes.subarray(at, at + 1000)
    await Promise.resolve()
  }
}
