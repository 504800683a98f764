import type { LogFields, Logger, LogLevel } from './logger.ts'

/** Takes one finished line, without its line end. Must not throw. */
export type LineSink = (line: string) => void

export interface LoggerOptions {
  /** Lines below this level are dropped. */
  level: LogLevel
  sink: LineSink
  /** Wall-clock time, as `Clock.nowMs`. */
  nowMs(): number
}

const ranks: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

/** Longest value that is written whole: a client must not be able to fill the log with one field. */
const valueCharactersMax = 1000

/** A logger that drops what is below the level and hands the rest, written by `format`, to the sink. */
export function lineLogger(
  options: LoggerOptions,
  format: (time: string, level: LogLevel, event: string, fields: LogFields) => string,
): Logger {
  const at =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}): void => {
      if (ranks[level] < ranks[options.level]) return
      options.sink(format(new Date(options.nowMs()).toISOString(), level, event, fields))
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** The value as it is logged: long texts are cut, with their full length. */
export function loggable(value: string | number | boolean): string | number | boolean {
  if (typeof value !== 'string' || value.length <= valueCharactersMax) return value
  return `${value.slice(0, valueCharactersMax)}… (${value.length} characters)`
}
