import { ByteReader, ByteWriter } from './bytes.ts'
import { api } from './frame.ts'
import type { LimitLog } from './limit-log.ts'

const CALLS = Object.values(api)

/** Where answers and stored bytes go; implemented by a connection of the limit server. */
export interface LimitSink {
  /** Bytes to store. The slice must stay as it is until written. */
  append(batch: Buffer): void
  /** Bytes to send. The slice must stay as it is until sent. */
  answer(bytes: Uint8Array): void
  /** Bytes to send that the caller will reuse at once. */
  answerCopy(bytes: Buffer): void
}

/**
 * Answers one request frame (without its length). Serves only the versions of `frame.ts`; throws on any other, which
 * ends the server: it has one client and that one is ours.
 */
export function respond(log: LimitLog, frame: Buffer, sink: LimitSink, port: number): void {
  const key = frame.readInt16BE(0)
  const version = frame.readInt16BE(2)
  const correlationId = frame.readInt32BE(4)
  const known = CALLS.find((call) => call.key === key)
  if (known?.version !== version) throw new Error(`the limit server does not serve API ${key} version ${version}`)
  const bodyAt = 10 + Math.max(0, frame.readInt16BE(8))
  if (key === api.produce.key) {
    produce(log, frame, bodyAt, correlationId, sink)
    return
  }
  const reader = new ByteReader(frame, bodyAt)
  if (key === api.fetch.key) {
    fetch(log, reader, correlationId, sink)
    return
  }
  const writer = new ByteWriter(256).int32(0).int32(correlationId)
  if (key === api.apiVersions.key) {
    writer.int16(0).int32(CALLS.length)
    for (const call of CALLS) writer.int16(call.key).int16(call.version).int16(call.version)
  } else if (key === api.metadata.key) metadataAnswer(log, reader, writer, port)
  else if (key === api.createTopics.key) createAnswer(log, reader, writer)
  else if (key === api.createPartitions.key) createAnswer(log, reader, writer)
  else if (key === api.deleteTopics.key) deleteAnswer(log, reader, writer)
  else listOffsetsAnswer(log, reader, writer)
  sink.answer(writer.patchInt32(0, writer.length - 4).bytes())
}

/** Answers to Produce differ only in correlation id and partition as long as the topic stays the same. */
let template: { topic: string; bytes: Buffer; partitionAt: number } = {
  topic: '',
  bytes: Buffer.alloc(0),
  partitionAt: 0,
}

function templateFor(topic: string): typeof template {
  if (template.topic === topic) return template
  const writer = new ByteWriter(64 + topic.length * 3).int32(0).int32(0).int32(1).string(topic).int32(1)
  const partitionAt = writer.length
  writer.int32(0).int16(0).int64(0).int64(-1).int64(0).int32(0)
  template = { topic, bytes: writer.patchInt32(0, writer.length - 4).bytes(), partitionAt }
  return template
}

/** Read field by field at computed positions, because this is the path that is measured. */
function produce(log: LimitLog, frame: Buffer, bodyAt: number, correlationId: number, sink: LimitSink): void {
  const topicAt = bodyAt + 2 + Math.max(0, frame.readInt16BE(bodyAt)) + 2 + 4 + 4
  const topicEnd = topicAt + 2 + frame.readInt16BE(topicAt)
  const topic = frame.toString('latin1', topicAt + 2, topicEnd)
  const partition = frame.readInt32BE(topicEnd + 4)
  const batchAt = topicEnd + 12
  const batch = frame.subarray(batchAt, batchAt + frame.readInt32BE(topicEnd + 8))
  log.partition(topic, partition).append(batch)
  sink.append(batch)
  const { bytes, partitionAt } = templateFor(topic)
  bytes.writeInt32BE(correlationId, 4)
  bytes.writeInt32BE(partition, partitionAt)
  sink.answerCopy(bytes)
}

function fetch(log: LimitLog, reader: ByteReader, correlationId: number, sink: LimitSink): void {
  // Replica id, wait, minimum and maximum bytes, isolation level, session id and epoch: nothing here depends on them.
  reader.int32()
  reader.int32()
  reader.int32()
  reader.int32()
  reader.int8()
  reader.int32()
  reader.int32()
  reader.int32()
  const topic = reader.string() ?? ''
  const asked = reader.array(() => {
    const partition = reader.int32()
    reader.int32()
    const offset = reader.int64()
    reader.int64()
    return { partition, log: log.partition(topic, partition), offset, bytesMax: reader.int32() }
  })
  const head = new ByteWriter(128).int32(0).int32(correlationId).int32(0).int16(0).int32(0)
  head.int32(1).string(topic).int32(asked.length)
  const parts: Buffer[] = [head.bytes()]
  for (const { partition, log: partitionLog, offset, bytesMax } of asked) {
    const slice = partitionLog.read(offset, bytesMax)
    const end = partitionLog.endOffset
    const fields = new ByteWriter(64).int32(partition).int16(0).int64(end).int64(end).int64(0).int32(-1).int32(-1)
    parts.push(fields.int32(slice.length).bytes(), slice)
  }
  parts[0]!.writeInt32BE(parts.reduce((sum, part) => sum + part.length, 0) - 4, 0)
  for (const part of parts) sink.answer(part)
}

function metadataAnswer(log: LimitLog, reader: ByteReader, writer: ByteWriter, port: number): void {
  const topics = reader.array(() => reader.string() ?? '')
  writer.int32(0).int32(1).int32(1).string('127.0.0.1').int32(port).string(null).string('limit').int32(1)
  writer.int32(topics.length)
  for (const topic of topics) {
    const count = log.partitionCount(topic)
    writer.int16(0).string(topic).int8(0).int32(count)
    for (let partition = 0; partition < count; partition++) {
      writer.int16(0).int32(partition).int32(1).int32(1).int32(1).int32(1).int32(1)
    }
  }
}

/** CreateTopics and CreatePartitions, which look the same as far as the one topic and its count are concerned. */
function createAnswer(log: LimitLog, reader: ByteReader, writer: ByteWriter): void {
  reader.int32()
  const topic = reader.string() ?? ''
  log.create(topic, reader.int32())
  writer.int32(0).int32(1).string(topic).int16(0).string(null)
}

function deleteAnswer(log: LimitLog, reader: ByteReader, writer: ByteWriter): void {
  const topics = reader.array(() => reader.string() ?? '')
  writer.int32(0).int32(topics.length)
  for (const topic of topics) {
    log.delete(topic)
    writer.string(topic).int16(0)
  }
}

function listOffsetsAnswer(log: LimitLog, reader: ByteReader, writer: ByteWriter): void {
  reader.int32()
  reader.int32()
  const topic = reader.string() ?? ''
  const asked = reader.array(() => ({ partition: reader.int32(), timestamp: reader.int64() }))
  writer.int32(1).string(topic).int32(asked.length)
  for (const { partition, timestamp } of asked) {
    const offset = timestamp === -2 ? 0 : log.partition(topic, partition).endOffset
    writer.int32(partition).int16(0).int64(-1).int64(offset)
  }
}
