import { once } from 'node:events'
import type { WriteStream } from 'node:tty'

/** Where a command's output goes. Results on stdout, everything else (progress, notes, errors) on stderr. */
export interface Terminal {
  /** Resolves when more can be written. Rejects with OutputClosed once nobody reads any more. */
  print(text: string | Uint8Array): Promise<void>
  /** A line for people on stderr. */
  note(line: string): void
  /** Text without line end on stderr, to redraw a line. */
  draw(text: string): void
  /** Whether a person looks at stderr. */
  readonly isInteractive: boolean
  /** Whether stdout may have colours. */
  readonly hasColour: boolean
  readonly columns: number
}

/** The reader of stdout is gone (`polylog consume … | head`): the command ends quietly. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed'
}

/** The terminal of this process. NO_COLOR (no-color.org) and TERM=dumb are respected. */
export function processTerminal(environment: Readonly<Record<string, string | undefined>>): Terminal {
  const { stdout, stderr } = process
  let closed = false
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    closed = true
  })
  // A log line or a progress bar that nobody can see any more is no reason to fail.
  stderr.on('error', () => undefined)
  const plain = (environment['NO_COLOR'] ?? '') !== '' || environment['TERM'] === 'dumb'
  return {
    async print(text) {
      if (!closed && !stdout.write(text))
        await Promise.race([once(stdout, 'drain'), once(stdout, 'close')]).catch(noteClosed)
      if (closed) throw new OutputClosed()
    },
    note: (line) => void stderr.write(`${line}\n`),
    draw: (text) => void stderr.write(text),
    isInteractive: isTerminal(stderr) && environment['TERM'] !== 'dumb',
    hasColour: isTerminal(stdout) && !plain,
    columns: isTerminal(stderr) ? stderr.columns : 80,
  }
}

function noteClosed(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
}

function isTerminal(stream: NodeJS.WriteStream): stream is WriteStream & NodeJS.WriteStream {
  return stream.isTTY === true
}
