import { setTimeout as delay } from 'node:timers/promises'
import { createTopic, deleteTopic } from '../harness/admin.ts'
import { sumsOf } from '../harness/metrics.ts'
import type { Subject } from '../harness/subject.ts'
import { produceAnswerBytes, produceFrame, recordBatch } from '../load/frame.ts'
import { KIB, topicName } from './produce.ts'
import { runLoad, sampleOf, storedRecords } from './sample.ts'
import type { Workload } from './workload.ts'

const PARTITIONS = 12
const CATCH_UP_MS_MAX = 30_000
const POLL_MS = 50
const LENGTH_FIELD_BYTES = 4

const COUNTERS = [
  'polylog_replication_bytes_in_total',
  'polylog_kafka_sent_bytes_total',
  'polylog_kafka_received_bytes_total',
] as const

const SHAPES = {
  '64k': {
    batchBytes: 64 * KIB,
    valueBytes: KIB,
    connections: 4,
    inFlight: 2,
    said: '1 KiB records in 64 KiB batches',
  },
  '100b': { batchBytes: 0, valueBytes: 100, connections: 4, inFlight: 16, said: '100 B records, one per request' },
} as const

/** What brokers send each other for a record, by the number of its replicas (requirement R18). */
function traffic(size: keyof typeof SHAPES, replicas: number): Workload {
  const name = `traffic-${size}-rf${replicas}`
  const { said, ...load } = SHAPES[size]
  return {
    name,
    title: `bytes between brokers per record with ${replicas} replica(s): ${said}, ${PARTITIONS} partitions`,
    metric: 'replicatedBytesPerRecord',
    goals: [],
    needs: 'traffic',
    brokersMin: replicas,
    async prepare(bench, subject) {
      const topic = topicName(name)
      await createTopic(subject.address, topic, PARTITIONS, replicas)
      const produce = { ...load, topic, partitions: PARTITIONS }
      const { bytes, records } = recordBatch(load.batchBytes, load.valueBytes)
      // Polylog counts a request without its length field, an answer with it.
      const requestBytes = produceFrame(topic, 0, bytes).length - LENGTH_FIELD_BYTES
      const clientBytesPerRequest = requestBytes + produceAnswerBytes(topic)
      return {
        async measure() {
          const recordsBefore = await storedRecords(subject, produce)
          const before = await sumsOf(subject.metrics, COUNTERS)
          const result = (await runLoad(bench, subject, { produce, warmupMs: 0 })).produce!
          const recordsProduced = (await storedRecords(subject, produce)) - recordsBefore
          const requests = recordsProduced / records
          const replicated = before.polylog_replication_bytes_in_total + requests * bytes.length * (replicas - 1)
          const after = await caughtUp(subject, replicated)
          const grown = (counter: (typeof COUNTERS)[number]) => after[counter] - before[counter]
          // Whatever is not between clients and brokers is between brokers, but for a few questions of the harness.
          const all = grown('polylog_kafka_sent_bytes_total') + grown('polylog_kafka_received_bytes_total')
          return {
            ...sampleOf(result, subject),
            replicatedBytesPerRecord: grown('polylog_replication_bytes_in_total') / recordsProduced,
            brokerBytesPerRecord: (all - requests * clientBytesPerRequest) / recordsProduced,
          }
        },
        cleanup: () => deleteTopic(subject.address, topic),
      }
    },
  }
}

/** The counters once followers have taken all; rejects when that takes too long. */
async function caughtUp(subject: Subject, replicatedMin: number): ReturnType<typeof sumsOf<(typeof COUNTERS)[number]>> {
  const givenUpAtMs = performance.now() + CATCH_UP_MS_MAX
  for (;;) {
    const sums = await sumsOf(subject.metrics, COUNTERS)
    if (sums.polylog_replication_bytes_in_total >= replicatedMin) return sums
    if (performance.now() > givenUpAtMs) throw new Error('followers did not take all records')
    await delay(POLL_MS)
  }
}

export const trafficWorkloads: readonly Workload[] = (['64k', '100b'] as const).flatMap((size) =>
  [1, 2, 3].map((replicas) => traffic(size, replicas)),
)
