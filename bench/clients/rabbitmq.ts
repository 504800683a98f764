import type { Address } from '../load/job.ts'
import type { ClientJob, MessageClient, ReceiverEvents, Receivers, Sender } from './client.ts'
import { requirePackage } from './npm-packages.ts'
import { roomOf } from './room.ts'
import { StampedValues, stampOf } from './stamp.ts'

/** The part of amqplib that is used here. */
interface Amqp {
  connect(url: string, socket: { noDelay: boolean }): Promise<Connection>
}

interface Connection {
  createChannel(): Promise<Channel>
  createConfirmChannel(): Promise<Channel>
  on(event: 'error', listener: (error: unknown) => void): void
  close(): Promise<void>
}

interface Message {
  readonly content: Buffer
}

interface Channel {
  assertQueue(queue: string, options: { durable: boolean }): Promise<unknown>
  prefetch(count: number): Promise<unknown>
  consume(queue: string, handler: (message: Message | null) => void): Promise<unknown>
  ack(message: Message, allUpTo: boolean): void
  publish(
    exchange: string,
    key: string,
    content: Buffer,
    options: { persistent: boolean },
    confirmed: (error: unknown) => void,
  ): boolean
}

/** Below this many a consumer waits for RabbitMQ more than it works, however many others there are. */
const prefetchMin = 100

/** amqplib: a durable queue, persistent messages, confirms, manual acknowledgements. */
export const rabbitmq: MessageClient = {
  async openSender(job: ClientJob): Promise<Sender> {
    const connection = await connect(job.address)
    const channel = await connection.createConfirmChannel()
    await channel.assertQueue(job.queue, { durable: true })
    const values = new StampedValues(job.valueBytes)
    return {
      send: (count, sentAtMs) =>
        new Promise((resolve, reject) => {
          let open = count
          const confirmed = (error: unknown) => {
            if (error) reject(error)
            else if (--open === 0) resolve()
          }
          for (let i = 0; i < count; i++)
            channel.publish('', job.queue, values.next(sentAtMs), { persistent: true }, confirmed)
        }),
      close: () => connection.close(),
    }
  },

  async openReceivers(job: ClientJob, events: ReceiverEvents): Promise<Receivers> {
    const counts = { accepted: 0 }
    const connections = await Promise.all(Array.from({ length: job.consumers }, () => connect(job.address)))
    for (const connection of connections) {
      connection.on('error', events.failed)
      await receive(connection, job, events, counts)
    }
    return {
      get acceptedCount() {
        return counts.accepted
      },
      async close() {
        await Promise.all(connections.map((connection) => connection.close()))
      },
    }
  },
}

async function receive(
  connection: Connection,
  job: ClientJob,
  { delivered, failed }: ReceiverEvents,
  counts: { accepted: number },
): Promise<void> {
  const channel = await connection.createChannel()
  await channel.assertQueue(job.queue, { durable: true })
  await channel.prefetch(Math.max(prefetchMin, roomOf(job.consumers)))
  let handled = 0
  let last: Message | undefined
  await channel.consume(job.queue, (message) => {
    if (message === null) return failed(new Error('RabbitMQ has ended a consumer'))
    delivered(stampOf(message.content))
    handled++
    // One acknowledgement for all that came together: they were all handled.
    if (last === undefined) setImmediate(acknowledge)
    last = message
  })
  function acknowledge(): void {
    channel.ack(last!, true)
    counts.accepted += handled
    handled = 0
    last = undefined
  }
}

function connect({ host, port }: Address): Promise<Connection> {
  return requirePackage<Amqp>('amqplib').connect(`amqp://guest:guest@${host}:${port}`, { noDelay: true })
}
