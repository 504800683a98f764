import { openSync, closeSync, readSync } from 'node:fs'
import type { CommandContext } from './command.ts'
import { CommandError } from './exit-code.ts'

const secretBytesMax = 4096

/** First line of a file. @throws CommandError that names the file */
export function secretFromFile(path: string): string {
  const bytes = Buffer.alloc(secretBytesMax + 1)
  try {
    const file = openSync(path, 'r')
    try {
      return checkedLine(bytes.toString('utf8', 0, readSync(file, bytes)), path)
    } finally {
      closeSync(file)
    }
  } catch (error) {
    if (error instanceof CommandError) throw error
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const reason = isMissing ? 'there is no such file' : String(error)
    throw new CommandError(`cannot read the password file ${path}: ${reason}`, { cause: error })
  }
}

/** First line of stdin. @throws CommandError */
export async function secretFromStdin({ stdin }: CommandContext): Promise<string> {
  let text = ''
  for await (const chunk of stdin.bytes()) {
    text += Buffer.from(chunk).toString()
    if (text.includes('\n') || text.length > secretBytesMax) break
  }
  return checkedLine(text, 'stdin')
}

/**
 * Asks a person, who does not see what is typed.
 * @param questions each is answered by a line
 * @throws CommandError if the person gives up
 */
export async function askSecrets(context: CommandContext, questions: readonly string[]): Promise<string[]> {
  const { stdin, terminal } = context
  const keys = stdin.bytes()[Symbol.asyncIterator]()
  const answers: string[] = []
  let typed = ''
  stdin.hide?.(true)
  try {
    for (const question of questions) {
      terminal.draw(question)
      for (;;) {
        const end = /[\r\n]/.exec(typed)?.index
        if (end !== undefined) {
          answers.push(withoutErased(typed.slice(0, end)))
          typed = typed.slice(end + 1)
          break
        }
        const { value, done } = await keys.next()
        if (done === true || isGivenUp(value) || typed.length > secretBytesMax)
          throw new CommandError('nothing was done')
        typed += Buffer.from(value).toString()
      }
      terminal.note('')
    }
    return answers
  } finally {
    stdin.hide?.(false)
  }
}

/** Ctrl-C and Ctrl-D, which a terminal that hides what is typed hands on like any other key. */
function isGivenUp(bytes: Uint8Array): boolean {
  return bytes.includes(3) || bytes.includes(4)
}

/** Without what was taken back with the backspace key. */
function withoutErased(typed: string): string {
  let text = ''
  for (const key of typed) text = key === '\x7f' || key === '\b' ? text.slice(0, -1) : text + key
  return text
}

function checkedLine(text: string, where: string): string {
  const line = text.split(/\r?\n/, 1)[0]!
  if (line === '') throw new CommandError(`the first line of ${where} is empty: it has to be the password`)
  if (line.length > secretBytesMax) throw new CommandError(`the first line of ${where} is too long for a password`)
  return line
}
