import { Reader } from '../bytes/reader.ts'
import { Writer } from '../bytes/writer.ts'
import { FetchRequest } from '../kafka/01-fetch.ts'
import { MetadataResponse } from '../kafka/03-metadata.ts'
import { HeartbeatRequest } from '../kafka/12-heartbeat.ts'
import { compile } from './compile.ts'
import { interpret } from './interpret.ts'
import type { Codec, Message } from './schema.ts'
import { uuidZero } from './schema.ts'

/** Microseconds per message, compiled and interpreted: `node packages/wire/src/schema/compile.bench.ts`. */

const runMs = 400
const batch = 20

const fetch = {
  topics: Array.from({ length: 4 }, () => ({
    topicId: 'golden_topic_id_00000A',
    partitions: Array.from({ length: 12 }, (_, partition) => ({ partition, fetchOffset: 1e9 + partition })),
  })),
}
const metadata = {
  brokers: Array.from({ length: 6 }, (_, nodeId) => ({ nodeId, host: `broker-${nodeId}.example.org`, port: 9092 })),
  topics: Array.from({ length: 50 }, (_, topic) => ({
    name: `topic-${topic}`,
    topicId: uuidZero,
    partitions: Array.from({ length: 12 }, (_, partitionIndex) => ({
      partitionIndex,
      replicaNodes: [1, 2, 3],
      isrNodes: [1, 2, 3],
    })),
  })),
}
const heartbeat = { groupId: 'orders', generationId: 7, memberId: 'consumer-1-5f2b9c1e-7d3a-4a55-9b9e-0d4e3c2b1a00' }

/** Prints the best of many short batches: what the code costs, not what else the machine was doing. */
function measure(label: string, step: () => void): void {
  const until = performance.now() + runMs
  let best = Number.POSITIVE_INFINITY
  for (let start = performance.now(); start < until; start = performance.now()) {
    for (let round = 0; round < batch; round++) step()
    best = Math.min(best, (performance.now() - start) / batch)
  }
  console.log(`${label.padEnd(52)} ${(best * 1000).toFixed(2).padStart(8)} µs`)
}

function compare<Output, Input>(message: Message<Output, Input>, version: number, value: NoInfer<Input>): void {
  const codecs: [engine: string, codec: Codec<Output, Input>][] = [
    ['compiled', compile(message, version)],
    ['interpreted', interpret(message, version)],
  ]
  for (const [engine, codec] of codecs) {
    const writer = new Writer(64 * 1024)
    codec.encode(value, writer)
    const bytes = writer.concat()
    const label = `${message.name} v${version}, ${bytes.length} bytes, ${engine}`
    measure(`${label}, encode`, () => {
      codec.encode(value, writer)
      writer.discard()
    })
    measure(`${label}, decode`, () => {
      codec.decode(new Reader(bytes))
    })
  }
}

// Twice: what the first round measures is also what it compiles.
for (let round = 0; round < 2; round++) {
  compare(HeartbeatRequest, 4, heartbeat)
  compare(FetchRequest, 13, fetch)
  compare(MetadataResponse, 12, metadata)
}
