/**
 * What the SDK uses of `@opentelemetry/api` 1.x, in our words: the package itself, as it is imported, has this form. So nothing
 * is looked for or loaded by the SDK, and who neither traces nor measures needs no package.
 */
export interface OpenTelemetry {
  readonly trace: {
    getTracer(name: string): Tracer
    setSpan(context: TraceContext, span: Span): TraceContext
    getSpanContext(context: TraceContext): SpanContext | undefined
    deleteSpan(context: TraceContext): TraceContext
  }
  readonly context: {
    active(): TraceContext
    with<R>(context: TraceContext, call: () => R): R
  }
  readonly propagation: {
    inject(context: TraceContext, carrier: Record<string, string>): void
    extract(context: TraceContext, carrier: Record<string, string>): TraceContext
    fields(): string[]
  }
  /** Version 1.3 and newer. */
  readonly metrics?: {
    getMeter(name: string): Meter
  }
}

export interface Meter {
  createCounter(name: string, options: InstrumentOptions): Counter
  createHistogram(name: string, options: InstrumentOptions): Histogram
}

export interface InstrumentOptions {
  readonly unit: string
  readonly description: string
  readonly advice?: { explicitBucketBoundaries: number[] }
}

export interface Counter {
  add(value: number, attributes: Attributes): void
}

export interface Histogram {
  record(value: number, attributes: Attributes): void
}

/** What a program knows of where it is; only OpenTelemetry looks inside. */
export interface TraceContext {
  getValue(key: symbol): unknown
  setValue(key: symbol, value: unknown): TraceContext
  deleteValue(key: symbol): TraceContext
}

export interface Tracer {
  startSpan(name: string, options: SpanOptions, context: TraceContext): Span
}

export interface SpanOptions {
  readonly kind: number
  readonly attributes: Attributes
  readonly links: { readonly context: SpanContext }[]
  /** Milliseconds since 1970. */
  readonly startTime?: number
}

export type Attributes = Record<string, string | number | boolean>

export interface Span {
  setAttributes(attributes: Attributes): unknown
  setStatus(status: { code: number; message?: string }): unknown
  recordException(exception: Error): void
  end(): void
}

export interface SpanContext {
  readonly traceId: string
  readonly spanId: string
  readonly traceFlags: number
}

/** Numbers of the API, which are the same in all of its versions. */
export const spanKinds = { client: 2, producer: 3, consumer: 4 } as const
export const errorStatus = 2
