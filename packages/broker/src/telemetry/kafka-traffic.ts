import { durationBounds } from './metrics.ts'
import type { Counter, Gauge, Histogram, MetricsRegistry } from './metrics.ts'

const produceKey = 0
const fetchKey = 1

/**
 * What the Kafka front-end counts (it satisfies `KafkaMetrics` of kafka/kafka-metrics.ts):
 *
 * | name | type | meaning |
 * | --- | --- | --- |
 * | polylog_kafka_connections | gauge | open connections |
 * | polylog_kafka_connections_opened_total | counter | connections accepted |
 * | polylog_kafka_connections_refused_total | counter | connections turned away because of a limit |
 * | polylog_kafka_requests_total{api} | counter | requests, by API name |
 * | polylog_kafka_request_duration_seconds{api="Produce","Fetch","other"} | histogram | arrival to answer |
 * | polylog_kafka_requests_in_flight | gauge | requests that wait for their answer |
 * | polylog_kafka_received_bytes_total | counter | bytes of requests |
 * | polylog_kafka_sent_bytes_total | counter | bytes of answers |
 * | polylog_kafka_errors_total{error} | counter | error answers, by Kafka's name of the error |
 * | polylog_replication_bytes_out_total | counter | bytes of records that followers were given |
 * | polylog_replication_bytes_in_total | counter | bytes of records that came from leaders |
 * | polylog_kafka_protocol_errors_total | counter | connections closed because they broke the protocol |
 */
export class KafkaTraffic {
  readonly #registry: MetricsRegistry
  readonly #apiName: (apiKey: number) => string
  readonly #errorName: (errorCode: number) => string
  readonly #connections: Gauge
  readonly #opened: Counter
  readonly #refused: Counter
  readonly #inFlight: Gauge
  readonly #received: Counter
  readonly #sent: Counter
  readonly #broken: Counter
  readonly #replicationSent: Counter
  readonly #replicationReceived: Counter
  readonly #produceDuration: Histogram
  readonly #fetchDuration: Histogram
  readonly #otherDuration: Histogram
  readonly #requests = new Map<number, Counter>()
  readonly #errors = new Map<number, Counter>()

  /** Names are given as functions, because telemetry knows no protocol. */
  constructor(
    registry: MetricsRegistry,
    names: { apiName(apiKey: number): string; errorName(errorCode: number): string },
  ) {
    this.#registry = registry
    this.#apiName = (key) => names.apiName(key)
    this.#errorName = (code) => names.errorName(code)
    this.#connections = registry.gauge('polylog_kafka_connections', 'Open Kafka connections.')
    this.#opened = registry.counter('polylog_kafka_connections_opened_total', 'Kafka connections accepted.')
    this.#refused = registry.counter('polylog_kafka_connections_refused_total', 'Kafka connections beyond a limit.')
    this.#inFlight = registry.gauge('polylog_kafka_requests_in_flight', 'Kafka requests that wait for their answer.')
    this.#received = registry.counter('polylog_kafka_received_bytes_total', 'Bytes of Kafka requests.')
    this.#sent = registry.counter('polylog_kafka_sent_bytes_total', 'Bytes of Kafka answers.')
    this.#broken = registry.counter('polylog_kafka_protocol_errors_total', 'Connections that broke the protocol.')
    this.#replicationSent = registry.counter('polylog_replication_bytes_out_total', 'Bytes of records to followers.')
    this.#replicationReceived = registry.counter('polylog_replication_bytes_in_total', 'Bytes of records from leaders.')
    const duration = (api: string): Histogram =>
      registry.histogram('polylog_kafka_request_duration_seconds', 'Time from request to answer.', durationBounds, {
        api,
      })
    this.#produceDuration = duration('Produce')
    this.#fetchDuration = duration('Fetch')
    this.#otherDuration = duration('other')
  }

  connectionOpened(): void {
    this.#connections.add(1)
    this.#opened.add(1)
  }

  connectionClosed(): void {
    this.#connections.add(-1)
  }

  connectionRefused(): void {
    this.#refused.add(1)
  }

  requestReceived(apiKey: number, bytes: number): void {
    this.#inFlight.add(1)
    this.#received.add(bytes)
    const counter = this.#requests.get(apiKey) ?? this.#requestCounter(apiKey)
    counter.add(1)
  }

  requestFinished(apiKey: number, milliseconds: number): void {
    this.#inFlight.add(-1)
    const seconds = milliseconds / 1000
    if (apiKey === produceKey) this.#produceDuration.observe(seconds)
    else if (apiKey === fetchKey) this.#fetchDuration.observe(seconds)
    else this.#otherDuration.observe(seconds)
  }

  bytesSent(bytes: number): void {
    this.#sent.add(bytes)
  }

  errorAnswered(_apiKey: number, errorCode: number): void {
    const counter = this.#errors.get(errorCode) ?? this.#errorCounter(errorCode)
    counter.add(1)
  }

  replicationSent(bytes: number): void {
    this.#replicationSent.add(bytes)
  }

  replicationReceived(bytes: number): void {
    this.#replicationReceived.add(bytes)
  }

  protocolBroken(): void {
    this.#broken.add(1)
  }

  #requestCounter(apiKey: number): Counter {
    const labels = { api: this.#apiName(apiKey) }
    const counter = this.#registry.counter('polylog_kafka_requests_total', 'Kafka requests.', labels)
    this.#requests.set(apiKey, counter)
    return counter
  }

  #errorCounter(errorCode: number): Counter {
    const labels = { error: this.#errorName(errorCode) }
    const counter = this.#registry.counter('polylog_kafka_errors_total', 'Errors that Kafka clients were told.', labels)
    this.#errors.set(errorCode, counter)
    return counter
  }
}
