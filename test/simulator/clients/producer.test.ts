import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errorCodes } from '@polylog/wire'
import { checkOrder } from '../checkers/order.ts'
import type { Finding } from '../checkers/history.ts'
import { logViews } from '../checkers/log-view.ts'
import { place } from '../checkers/placement.ts'
import { Producer } from './producer.ts'
import { ScriptedBroker } from './scripted-broker.fixture.ts'

const topic = { name: 't', id: 'AAAAAAAAAAAAAAAAAAAAAQ', partitionCount: 1, cleanup: 'none', lasting: true } as const
const baseSequenceAt = 53
const options = {
  idempotent: true,
  acks: -1,
  windowMax: 4,
  pauseMs: 20,
  recordBytesMax: 10,
  recordsPerBatchMax: 1,
  largeShare: 0,
  compression: 'none',
  timeoutMs: 1000,
  mayHearLate: false,
  hasTags: false,
} as const

/** Tries after which the broker of the test has its log mended: one more than the producer makes before it gives a batch up. */
const damagedTryCount = 31

interface ScriptedLog {
  nextSequence: number
  isDamaged: boolean
  /** Of the batch that comes next. */
  refusalCount: number
}

/** Takes records in sequence, and none while it is damaged. */
function take(log: ScriptedLog, batch: Buffer): { errorCode: number; baseOffset: number } {
  const sequence = batch.readInt32BE(baseSequenceAt)
  if (log.isDamaged) {
    if (sequence === log.nextSequence) log.refusalCount += 1
    log.isDamaged = log.refusalCount < damagedTryCount
    return { errorCode: errorCodes.KAFKA_STORAGE_ERROR.code, baseOffset: -1 }
  }
  if (sequence !== log.nextSequence) return { errorCode: errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER.code, baseOffset: -1 }
  log.nextSequence += 1
  return { errorCode: 0, baseOffset: sequence }
}

async function startBroker(): Promise<{ broker: ScriptedBroker; log: ScriptedLog }> {
  const broker = new ScriptedBroker()
  broker.parts.catalogue.add({ ...topic })
  const log = { nextSequence: 0, isDamaged: false, refusalCount: 0 }
  await broker.start({
    0: ({ topicData }) => ({
      responses: topicData.map(({ topicId, partitionData }) => ({
        topicId,
        partitionResponses: partitionData.map(({ index, records }) => ({ index, ...take(log, Buffer.from(records!)) })),
      })),
    }),
    22: () => ({ errorCode: 0, producerId: 1, producerEpoch: 0 }),
  })
  return { broker, log }
}

function sequencesLost(broker: ScriptedBroker): Finding[] {
  const findings: Finding[] = []
  for (const view of logViews(broker.recorder.history)) checkOrder(view, place(view, findings), findings)
  return findings.filter(({ kind }) => kind === 'sequence-lost')
}

describe('an idempotent producer of the simulator', () => {
  it('gives up all batches of a log together, or the rest would leave a gap (seed 6000648)', async () => {
    const { broker, log } = await startBroker()
    const { scheduler } = broker.world
    const { history } = broker.recorder
    const running = new Producer(broker.parts, options).run()
    await scheduler.run(() => log.nextSequence > 10)
    log.isDamaged = true
    // Begun one after the other: one is given up before the others.
    await scheduler.run(() => history.sends.filter(({ outcome }) => outcome === 'unknown').length >= 4)
    for (const facts of history.logs.values()) facts.rotten = true
    broker.isEnding = true
    await scheduler.complete(running)
    assert.ok(log.refusalCount === damagedTryCount)
    assert.deepEqual(sequencesLost(broker), [])
  })
})
