import type { Attributes, Counter, Histogram, OpenTelemetry } from './open-telemetry.ts'

/** What the conventions say, in seconds. */
const durationBounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/**
 * The attributes that tell time series apart. Those of one message, its partition among them, would make a series of each; a
 * topic of answers has a name for each client, and its template instead.
 */
const seriesNames = [
  'messaging.system',
  'messaging.operation.name',
  'messaging.operation.type',
  'messaging.consumer.group.name',
] as const

/** The metrics of OpenTelemetry's semantic conventions for messaging clients. */
export class MessagingMetrics {
  readonly #sent: Counter
  readonly #consumed: Counter
  readonly #operation: Histogram
  readonly #process: Histogram

  constructor(metrics: NonNullable<OpenTelemetry['metrics']>) {
    const meter = metrics.getMeter('@polylog/client')
    const counted = (description: string) => ({ unit: '{message}', description })
    const timed = (description: string) => ({
      unit: 's',
      description,
      advice: { explicitBucketBoundaries: durationBounds },
    })
    this.#sent = meter.createCounter(
      'messaging.client.sent.messages',
      counted('Number of messages producer attempted to send to the broker.'),
    )
    this.#consumed = meter.createCounter(
      'messaging.client.consumed.messages',
      counted('Number of messages that were delivered to the application.'),
    )
    this.#operation = meter.createHistogram(
      'messaging.client.operation.duration',
      timed('Duration of messaging operation initiated by a producer or consumer client.'),
    )
    this.#process = meter.createHistogram('messaging.process.duration', timed('Duration of processing operation.'))
  }

  /** @param described attributes of the span; @param errorType undefined where it was stored */
  sent(described: Attributes, durationMs: number, errorType: string | undefined): void {
    const series = seriesOf(described, errorType)
    this.#sent.add(1, series)
    this.#operation.record(durationMs / 1000, series)
  }

  /** Messages of one topic were handed to the application. */
  consumed(described: Attributes, count: number): void {
    this.#consumed.add(count, seriesOf(described, undefined))
  }

  pulled(described: Attributes, durationMs: number): void {
    this.#operation.record(durationMs / 1000, seriesOf(described, undefined))
  }

  /** A handler was called. @param errorType undefined where it returned */
  processed(described: Attributes, durationMs: number, errorType: string | undefined): void {
    this.#process.record(durationMs / 1000, seriesOf(described, errorType))
  }
}

function seriesOf(described: Attributes, errorType: string | undefined): Attributes {
  const series: Attributes = {}
  for (const name of seriesNames) if (described[name] !== undefined) series[name] = described[name]
  const template = described['messaging.destination.template']
  const topic = described['messaging.destination.name']
  if (template !== undefined) series['messaging.destination.template'] = template
  else if (topic !== undefined) series['messaging.destination.name'] = topic
  if (errorType !== undefined) series['error.type'] = errorType
  return series
}
