import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FetchResponse, InferInput } from '@polylog/wire'
import { errorCodes } from '@polylog/wire'
import { encodeBatch } from '../../../packages/client/src/records/batch.ts'
import { logOf } from './catalogue.ts'
import { Reader } from './reader.ts'
import { ScriptedBroker } from './scripted-broker.fixture.ts'

const topic = { name: 't', id: 'AAAAAAAAAAAAAAAAAAAAAQ', partitionCount: 1, cleanup: 'none', lasting: true } as const
const unmarked = { producerId: -1, producerEpoch: -1, baseSequence: -1 }

type Answer = InferInput<typeof FetchResponse>
type Partition = NonNullable<NonNullable<Answer['responses']>[number]['partitions']>[number]

/** What a broker has of a fetch session: it goes on from the offset that it was told in this one. */
class Sessions {
  readonly #offsets = new Map<number, number>()
  /** Offsets that the broker gave for out of range. */
  readonly outOfRange: number[] = []
  endOffset = 1
  startOffset = 0

  answer(sessionId: number, asked: number | undefined): Answer {
    const id = sessionId === 0 ? this.#offsets.size + 1 : sessionId
    const offset = asked ?? this.#offsets.get(id)
    if (offset === undefined) return { errorCode: errorCodes.FETCH_SESSION_ID_NOT_FOUND.code, responses: [] }
    this.#offsets.set(id, offset)
    return { sessionId: id, responses: [{ topicId: topic.id, partitions: [this.#read(offset)] }] }
  }

  #read(offset: number): Partition {
    if (offset < this.startOffset) {
      this.outOfRange.push(offset)
      return { partitionIndex: 0, errorCode: errorCodes.OFFSET_OUT_OF_RANGE.code, highWatermark: -1 }
    }
    const known = { partitionIndex: 0, highWatermark: this.endOffset, logStartOffset: this.startOffset }
    if (offset >= this.endOffset) return { ...known, records: Buffer.alloc(0) }
    const record = { key: 'k', value: Buffer.from('v|'), headers: [] }
    const batch = encodeBatch([record], 'none', 0, unmarked)
    batch.writeBigInt64BE(BigInt(offset))
    return { ...known, records: batch }
  }
}

describe('a reader of the simulator', () => {
  it('notes the offset that was told in the session of the answer, not in another (seeds 6000101 and 6000788)', async () => {
    const broker = new ScriptedBroker()
    const { scheduler } = broker.world
    broker.parts.catalogue.add({ ...topic })
    const sessions = new Sessions()
    let fetchCount = 0
    await broker.start({
      1: ({ sessionId, topics }) => {
        fetchCount += 1
        return sessions.answer(sessionId, topics[0]?.partitions[0]?.fetchOffset)
      },
      2: ({ topics }) => ({
        topics: topics.map(({ name }) => ({ name, partitions: [{ partitionIndex: 0, offset: sessions.startOffset }] })),
      }),
    })
    const options = { sessions: true, maxWaitMs: 0, minBytes: 0, partitionBytesMax: 1000, pauseMs: 20, rewindShare: 0 }
    const running = new Reader(broker.parts, options).run()
    const until = (count: number): Promise<void> => scheduler.run(() => fetchCount >= count)
    await until(1)
    // Between two requests: the reader finds the connection gone when it wants to ask on, and nothing is lost on the way.
    await scheduler.run(() => broker.recorder.history.polls.length === 1)
    broker.disconnect()
    await until(3)
    sessions.startOffset = sessions.endOffset
    await until(12)
    broker.isEnding = true
    await scheduler.complete(running)
    const { polls } = broker.recorder.history
    assert.ok(polls.length > 3)
    assert.ok(polls.every(({ log }) => log === logOf(topic.id, 0)))
    const noted = polls.filter(({ outcome }) => outcome === 'out-of-range').map(({ from }) => from)
    assert.deepEqual(noted, sessions.outOfRange)
  })
})
