import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { connect } from '../client.ts'
import type { Client } from '../client.ts'
import { ClientError } from '../client-error.ts'
import { FakeBroker } from '../testing/fake-broker.ts'
import type { Script } from '../testing/fake-broker.ts'
import { SequencedLog } from '../testing/sequenced-log.ts'
import type { SendResult } from './sending.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** What a broker does with one batch. */
type Fate =
  | 'takes it'
  /** It says so, and may be asked again. */
  | 'refuses it for now'
  | 'refuses it for good'
  | 'takes it but says that it could not be copied'
  | 'takes it but says that something went wrong'
  | 'says that something went wrong'
  | 'takes it and dies'
  | 'dies'
  | 'refuses its producer'

const notLeader = 6
const tooLarge = 10
const notEnoughReplicasAfterAppend = 20
const topicAuthorizationFailed = 29

/** A broker whose partition has these fates for the batches that come; all after that are taken. */
class FatefulBroker {
  readonly log = new SequencedLog()
  readonly fates: Fate[] = []
  batchBytesMax = Number.POSITIVE_INFINITY
  /** Batches that have come and are not answered. */
  waitingCount = 0
  waitingMax = 0
  /** Turns of the event loop until an answer leaves. */
  answerTurns = 0
  /** Answers wait for it. */
  gate: Promise<void> = Promise.resolve()
  #producerId = 0
  #lastAnswer: Promise<unknown> = Promise.resolve()

  script(disconnect: () => void): Script {
    return {
      22: () => ({ errorCode: 0, producerId: ++this.#producerId, producerEpoch: 0 }),
      0: (request) => {
        const { name, partitionData } = request.topicData[0]!
        assert.equal(partitionData.length, 1, 'one batch of a partition in a request')
        const { index, records } = partitionData[0]!
        const answer = this.#take(Buffer.from(records!), disconnect)
        if (answer === undefined) return undefined
        return this.#inOrder({ responses: [{ name, partitionResponses: [{ index, ...answer }] }] })
      },
    }
  }

  #take(batch: Buffer, disconnect: () => void): { errorCode: number; baseOffset: number } | undefined {
    const refused = (errorCode: number) => ({ errorCode, baseOffset: -1 })
    if (batch.length > this.batchBytesMax) return refused(tooLarge)
    const fate = this.fates.shift() ?? 'takes it'
    if (fate === 'refuses it for now') return refused(notLeader)
    if (fate === 'refuses it for good') return refused(topicAuthorizationFailed)
    if (fate === 'says that something went wrong') return refused(-1)
    if (fate === 'refuses its producer') this.log.outlaw(batch)
    const taken = fate === 'dies' ? undefined : this.log.append(batch)
    if (taken === undefined || fate === 'takes it and dies') {
      disconnect()
      return undefined
    }
    if (taken.errorCode !== 0) return taken
    if (fate === 'takes it but says that it could not be copied') return refused(notEnoughReplicasAfterAppend)
    if (fate === 'takes it but says that something went wrong') return refused(-1)
    return taken
  }

  #inOrder<A>(answer: A): Promise<A> {
    this.waitingMax = Math.max(this.waitingMax, ++this.waitingCount)
    const ready = Promise.all([this.#lastAnswer, this.gate]).then(async () => {
      for (let i = 0; i < this.answerTurns; i++) await turn()
      this.waitingCount--
      return answer
    })
    this.#lastAnswer = ready
    return ready
  }
}

async function withBroker(body: (broker: FatefulBroker, client: Client) => Promise<void>): Promise<void> {
  const broker = new FatefulBroker()
  const fake: FakeBroker = await FakeBroker.start(broker.script(() => fake.disconnect()))
  await using _ = fake
  await using client = await connect({ brokers: fake.address, retry: { initialMs: 1, maxMs: 2 } })
  await body(broker, client)
}

/** Sends values one turn after the other, so that each may have a batch of its own. */
async function sendInTurns(
  send: (value: string) => Promise<SendResult>,
  values: readonly string[],
): Promise<PromiseSettledResult<SendResult>[]> {
  const sending: Promise<SendResult>[] = []
  for (const value of values) {
    const one = send(value)
    one.catch(() => undefined)
    sending.push(one)
    await turn()
    await turn()
  }
  return Promise.allSettled(sending)
}

describe('batches of an idempotent producer', () => {
  it('the first goes alone; after it, up to five of a partition are on their way', async () => {
    await withBroker(async (broker, client) => {
      const producer = client.producer()
      const send = (value: string) => producer.send('t', { value, partition: 0 })
      let open!: () => void
      broker.gate = new Promise((resolve) => (open = resolve))
      const early = sendInTurns(send, ['a', 'b', 'c'])
      while (broker.waitingCount === 0) await turn()
      for (let i = 0; i < 20; i++) await turn()
      assert.equal(broker.waitingCount, 1)
      open()
      await early
      broker.gate = new Promise((resolve) => (open = resolve))
      const values = Array.from({ length: 20 }, (_, i) => String(i))
      const late = sendInTurns(send, values)
      while (broker.waitingCount < 5) await turn()
      for (let i = 0; i < 50; i++) await turn()
      open()
      await late
      assert.equal(broker.waitingMax, 5)
      assert.deepEqual(broker.log.values, ['a', 'b', 'c', ...values])
    })
  })

  it('a producer that is not idempotent has one of a partition on its way', async () => {
    await withBroker(async (broker, client) => {
      const producer = client.producer({ idempotent: false })
      const values = Array.from({ length: 20 }, (_, i) => String(i))
      broker.answerTurns = 20
      await sendInTurns((value) => producer.send('t', { value, partition: 0 }), values)
      assert.equal(broker.waitingMax, 1)
      assert.deepEqual(broker.log.values, values)
    })
  })

  const cases: [name: string, fates: Fate[], expected?: { failed: number[] }][] = [
    ['one that is refused for a time is not overtaken', ['refuses it for now']],
    ['one whose answer is lost is stored once, and so are those after it', ['takes it and dies']],
    ['one that does not arrive is not overtaken', ['dies']],
    ['one that may be stored keeps its numbers', ['takes it but says that it could not be copied', 'dies']],
    ['a producer that the broker does not take begins anew, in order', ['refuses its producer']],
    ['one that is refused for good leaves no gap', ['refuses it for good'], { failed: [0] }],
    ['one that fails but is stored holds back none', ['takes it but says that something went wrong'], { failed: [0] }],
  ]
  for (const [name, fates, { failed } = { failed: [] }] of cases) {
    it(name, async () => {
      await withBroker(async (broker, client) => {
        // Each value fills a batch of its own.
        const producer = client.producer({ batchBytesMax: 600 })
        const send = (value: string) => producer.send('t', { value, partition: 0 })
        await send('first')
        let open!: () => void
        broker.gate = new Promise((resolve) => (open = resolve))
        broker.fates.push(...fates)
        const values = ['0', '1', '2', '3', '4', '5', '6'].map((value) => value.padEnd(400, '.'))
        const sending = sendInTurns(send, values)
        // Several are on their way before the first is answered, where the connection lives that long.
        while (!fates.some((fate) => fate.endsWith('dies')) && broker.waitingCount < 5) await turn()
        open()
        const results = await sending
        assert.deepEqual(
          results.flatMap(({ status }, i) => (status === 'rejected' ? [i] : [])),
          failed,
        )
        const stored = fates[0] === 'takes it but says that something went wrong' ? [] : failed.map((i) => values[i]!)
        assert.deepEqual(
          broker.log.values,
          ['first', ...values].filter((value) => !stored.includes(value)),
        )
        await send('last')
        assert.equal(broker.log.values.at(-1), 'last')
      })
    })
  }

  it('numbers of one that may be stored are never used again, or the broker would take the next for a repetition', async () => {
    await withBroker(async (broker, client) => {
      const producer = client.producer()
      const send = (value: string) => producer.send('t', { value, partition: 0 })
      for (const fate of ['takes it but says that something went wrong', 'says that something went wrong'] as const) {
        await send('before')
        broker.fates.push(fate)
        await assert.rejects(send('doubtful'), (error) => error instanceof ClientError && error.kafkaCode === -1)
        await send('after')
      }
      assert.deepEqual(broker.log.values, ['before', 'doubtful', 'after', 'before', 'after'])
    })
  })

  it('whatever brokers do: what is confirmed is stored once and where it is said, nothing twice, all in order', async () => {
    const fate = fc.constantFrom<Fate>(
      'takes it',
      'takes it',
      'refuses it for now',
      'refuses it for good',
      'takes it but says that it could not be copied',
      'takes it but says that something went wrong',
      'says that something went wrong',
      'takes it and dies',
      'dies',
      'refuses its producer',
    )
    const runs = fc.record({
      fates: fc.array(fate, { maxLength: 12 }),
      sizes: fc.array(fc.integer({ min: 10, max: 120 }), { minLength: 1, maxLength: 25 }),
      answerTurns: fc.integer({ min: 0, max: 12 }),
      batchBytesMax: fc.constantFrom(Number.POSITIVE_INFINITY, 350),
    })
    await fc.assert(
      fc.asyncProperty(runs, async ({ fates, sizes, answerTurns, batchBytesMax }) => {
        await withBroker(async (broker, client) => {
          Object.assign(broker, { answerTurns, batchBytesMax })
          broker.fates.push(...fates)
          const producer = client.producer({ batchBytesMax: 600 })
          const values = sizes.map((size, i) => String(i).padEnd(size, '.'))
          const results = await sendInTurns((value) => producer.send('t', { value, partition: 0 }), values)
          checkLog(broker.log.values, values, results)
        })
      }),
      { numRuns: 100 },
    )
  })
})

function checkLog(
  log: readonly string[],
  values: readonly string[],
  results: PromiseSettledResult<SendResult>[],
): void {
  const numbers = log.map((value) => Number.parseInt(value, 10))
  for (let i = 1; i < numbers.length; i++) assert.ok(numbers[i]! > numbers[i - 1]!, `order: ${numbers.join(' ')}`)
  for (const [i, result] of results.entries()) {
    if (result.status === 'rejected') assert.ok(result.reason instanceof ClientError, String(result.reason))
    else {
      assert.ok(log.includes(values[i]!), `lost: ${i} of ${numbers.join(' ')}`)
      const { offset } = result.value
      if (offset >= 0) assert.equal(log[offset], values[i])
    }
  }
}
