import { lineLogger, loggable } from './log-line.ts'
import type { LoggerOptions } from './log-line.ts'
import type { Logger } from './logger.ts'

/** Names that the line itself uses; a field of that name gets an underscore in front. */
const ownNames = new Set(['time', 'level', 'event'])

/** One JSON object a line: `{"time":"…","level":"info","event":"broker ready","kafka":"127.0.0.1:9092"}`. */
export function jsonLogger(options: LoggerOptions): Logger {
  return lineLogger(options, (time, level, event, fields) => {
    const line: Record<string, string | number | boolean> = { time, level, event }
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) line[ownNames.has(name) ? `_${name}` : name] = loggable(value)
    }
    return JSON.stringify(line)
  })
}
