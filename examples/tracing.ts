// One trace from who sends to who handles. The set-up is that of any program with OpenTelemetry; where the spans go is up to you
// (an OTLP exporter, mostly), here they stay in memory.
import * as api from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { connect } from '@polylog/client'
import { startBroker } from 'polylog'

const exporter = new InMemorySpanExporter()
api.trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }))
api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
api.propagation.setGlobalPropagator(new W3CTraceContextPropagator())

await using broker = await startBroker()
await using client = await connect({ brokers: `${broker.kafka.host}:${broker.kafka.port}`, telemetry: api })
const producer = client.producer()

const handled = Promise.withResolvers<void>()
await api.trace.getTracer('shop').startActiveSpan('order', async (span) => {
  await producer.send('orders', 'two coffees')
  span.end()
})
await client
  .consumer('kitchen')
  .topic('orders')
  .start(async (message) => {
    // What a handler sends is in the same trace.
    await producer.send('served', `${String(message.value)}, hot`)
    handled.resolve()
  })
await handled.promise
while (exporter.getFinishedSpans().length < 4) await new Promise((resolve) => setTimeout(resolve, 10))

const spans = exporter.getFinishedSpans()
const nameOf = (id: string | undefined) => spans.find((span) => span.spanContext().spanId === id)?.name
const below = (name: string) => nameOf(spans.find((span) => span.name === name)?.parentSpanContext?.spanId)
console.log('send orders is below', below('send orders')) // send orders is below order
console.log('process orders is below', below('process orders')) // process orders is below send orders
console.log('send served is below', below('send served')) // send served is below process orders
console.log(new Set(spans.map((span) => span.spanContext().traceId)).size, 'trace') // 1 trace
