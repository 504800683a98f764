import { lineLogger, loggable } from './log-line.ts'
import type { LoggerOptions } from './log-line.ts'
import type { Logger, LogLevel } from './logger.ts'

const colours: Record<LogLevel, string> = { debug: '2', info: '36', warn: '33', error: '31' }

/** Lines for people: `2026-11-22T15:48:12.000Z INFO  broker ready  kafka=127.0.0.1:9092`. */
export function textLogger(options: LoggerOptions & { colour?: boolean }): Logger {
  return lineLogger(options, (time, level, event, fields) => {
    const word = level.toUpperCase().padEnd(5)
    const shown = options.colour === true ? `\x1b[${colours[level]}m${word}\x1b[0m` : word
    let line = `${time} ${shown} ${event}`
    let gap = '  '
    for (const [name, value] of Object.entries(fields)) {
      if (value === undefined) continue
      line += `${gap}${name}=${quoted(String(loggable(value)))}`
      gap = ' '
    }
    return line
  })
}

/** Quotes what would be misread, so that no value can forge a field, a line or a terminal command. */
function quoted(value: string): string {
  if (value !== '' && /^[^\s"=\p{C}]+$/u.test(value)) return value
  return JSON.stringify(value).replaceAll(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
