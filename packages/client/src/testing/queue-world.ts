import type { Client, ConnectOptions } from '../client.ts'
import { connectIn } from '../client.ts'
import { ControlledEnvironment } from './controlled-environment.ts'
import { FakeBroker } from './fake-broker.ts'
import type { Script } from './fake-broker.ts'
import { FakeQueue } from './fake-queue.ts'

/** A client and one share group, on a clock that the test moves. */
export interface QueueWorld extends AsyncDisposable {
  environment: ControlledEnvironment
  queue: FakeQueue
  fake: FakeBroker
  client: Client
  /** Lets time pass until the promise is settled. */
  passing<T>(promise: Promise<T>): Promise<T>
}

/** @param script answers of the broker beside those of the queue */
export async function makeQueueWorld(script: Script = {}, options: Partial<ConnectOptions> = {}): Promise<QueueWorld> {
  const environment = new ControlledEnvironment()
  const queue = new FakeQueue(environment)
  const fake: FakeBroker = await FakeBroker.start({ ...queue.script(() => fake.port), ...script })
  const retry = { initialMs: 10, maxMs: 20 }
  const client = await connectIn(environment, { brokers: fake.address, retry, ...options })
  const passing = async <T>(promise: Promise<T>): Promise<T> => {
    let isOver = false
    const over = promise.finally(() => (isOver = true))
    over.catch(() => undefined)
    await environment.until(() => isOver)
    return over
  }
  return {
    environment,
    queue,
    fake,
    client,
    passing,
    [Symbol.asyncDispose]: async () => {
      await passing(client.close({ timeoutMs: 100 }))
      await fake[Symbol.asyncDispose]()
    },
  }
}
