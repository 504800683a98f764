import type { LogFields, Logger, LogLevel } from './logger.ts'

/** The part of the broker's clock that is needed here. */
interface LimitClock {
  monotonicMs(): number
  startTimer(delayMs: number, callback: () => void): { cancel(): void }
}

export interface LimitedLoggerOptions {
  /** Where the lines go that are let through. */
  readonly logger: Logger
  readonly clock: LimitClock
  /** Lines of one kind that are let through in a span of time. Default 10. */
  readonly lineCountMax?: number
  /** The span of time. Default 10 s. */
  readonly intervalMs?: number
}

/** What has been logged of one kind since a moment. */
interface Span {
  readonly level: LogLevel
  readonly event: string
  readonly startMs: number
  count: number
  timer: { cancel(): void } | undefined
}

/**
 * A logger for what strangers can cause at will: of each kind of line (level and event, which are few) so many get through in
 * a span of time, and one at its end says how many more there were. Lines of level debug are let through: who has turned
 * them on wants to see everything.
 */
export class LimitedLogger implements Logger {
  readonly #logger: Logger
  readonly #clock: LimitClock
  readonly #lineCountMax: number
  readonly #intervalMs: number
  readonly #spans = new Map<string, Span>()

  constructor({ logger, clock, lineCountMax = 10, intervalMs = 10_000 }: LimitedLoggerOptions) {
    this.#logger = logger
    this.#clock = clock
    this.#lineCountMax = lineCountMax
    this.#intervalMs = intervalMs
  }

  debug(event: string, fields?: LogFields): void {
    this.#logger.debug(event, fields)
  }

  info(event: string, fields?: LogFields): void {
    this.#log('info', event, fields)
  }

  warn(event: string, fields?: LogFields): void {
    this.#log('warn', event, fields)
  }

  error(event: string, fields?: LogFields): void {
    this.#log('error', event, fields)
  }

  /** Says now what was left out. To be called at the end. */
  end(): void {
    for (const span of this.#spans.values()) {
      span.timer?.cancel()
      this.#close(span)
    }
    this.#spans.clear()
  }

  #log(level: Exclude<LogLevel, 'debug'>, event: string, fields: LogFields | undefined): void {
    const kind = `${level} ${event}`
    const nowMs = this.#clock.monotonicMs()
    let span = this.#spans.get(kind)
    // A span in which lines were left out is closed by its timer, which tells of them.
    if (span === undefined || (span.timer === undefined && nowMs - span.startMs >= this.#intervalMs)) {
      span = { level, event, startMs: nowMs, count: 0, timer: undefined }
      this.#spans.set(kind, span)
    }
    span.count++
    if (span.count <= this.#lineCountMax) this.#logger[level](event, fields)
    else span.timer ??= this.#closeIn(span, Math.max(0, span.startMs + this.#intervalMs - nowMs), kind)
  }

  #closeIn(span: Span, delayMs: number, kind: string): { cancel(): void } {
    return this.#clock.startTimer(delayMs, () => {
      this.#spans.delete(kind)
      this.#close(span)
    })
  }

  #close({ level, event, count }: Span): void {
    const more = count - this.#lineCountMax
    if (more > 0) this.#logger[level]('more lines of one kind were left out', { of: event, count: more })
  }
}
