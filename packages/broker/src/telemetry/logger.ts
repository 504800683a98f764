export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Facts that go with a log line. Never secrets, never record contents. */
export type LogFields = Record<string, string | number | boolean | undefined>

/** Where log lines go. `event` is a short, stable, lower-case phrase; what varies is in `fields`. */
export interface Logger {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

/** Drops every line. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
