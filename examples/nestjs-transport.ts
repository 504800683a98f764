// A custom transport for NestJS: @MessagePattern('topic') answers requests, @EventPattern('topic') handles events, each pattern
// is a topic. The two classes can be taken as they are; decorators are called as functions below because Node.js runs this file
// without a compiler.
import 'reflect-metadata'
import { Controller, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import {
  BaseRpcContext,
  ClientProxy,
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  RpcException,
  Server,
} from '@nestjs/microservices'
import type { CustomTransportStrategy, ReadPacket, WritePacket } from '@nestjs/microservices'
import { connect, json, topic } from '@polylog/client'
import type { Client, ConnectOptions, MessageProducer, QueueMessage } from '@polylog/client'
import { startBroker } from 'polylog'
import { firstValueFrom, lastValueFrom } from 'rxjs'

/** `@Ctx()` of a handler: the message, for its headers, its key, or to renew its lock. */
class PolylogContext extends BaseRpcContext<[QueueMessage<unknown>]> {
  getMessage(): QueueMessage<unknown> {
    return this.getArgByIndex(0)
  }
}

/** `NestFactory.createMicroservice(AppModule, { strategy: new PolylogServer({ brokers, group: 'shop' }) })` */
class PolylogServer extends Server implements CustomTransportStrategy {
  override readonly transportId = Symbol('polylog')
  /** A handler of an event that throws gets it again, with back-off; NestJS need not log it as lost. */
  override readonly propagatesEventHandlerErrors = true
  readonly #options: ConnectOptions & { group: string; concurrency?: number }
  #client: Client | undefined

  constructor(options: ConnectOptions & { group: string; concurrency?: number }) {
    super()
    this.#options = options
  }

  /** Called by NestJS at `app.listen()`. */
  async listen(callback: (error?: unknown) => void): Promise<void> {
    const { group, concurrency = 8, ...options } = this.#options
    try {
      this.#client = await connect(options)
      await Promise.all([...this.messageHandlers.keys()].map((name) => this.#serve(name, group, concurrency)))
      callback()
    } catch (error) {
      callback(error)
    }
  }

  /** Called by NestJS at shutdown: handlers finish, nothing is lost. */
  async close(): Promise<void> {
    await this.#client?.close()
  }

  unwrap<T>(): T {
    return this.#client as T
  }

  on(): void {
    throw new Error('listen to client.status() of unwrap() instead')
  }

  async #serve(name: string, group: string, concurrency: number): Promise<void> {
    const handler = this.messageHandlers.get(name)!
    const isEvent = handler.isEventHandler === true
    await this.#client!.consumer(`${group}.${name}`)
      .topic(name, json<unknown>())
      .createTopics()
      .concurrency(concurrency)
      // Whoever asks is told at once that a handler has failed, and may ask again.
      .retry({ attempts: isEvent ? 5 : 1 })
      .start(async (message) => {
        const results = this.transformToObservable(await handler(message.value, new PolylogContext([message])))
        const result: unknown = await lastValueFrom(results, { defaultValue: undefined }).catch(fail)
        return isEvent ? undefined : { result }
      })
  }
}

/** NestJS turns what a handler throws into an object that is no Error. */
function fail(error: { message?: unknown } | string): never {
  throw error instanceof Error ? error : new Error(String(typeof error === 'string' ? error : error.message))
}

/** `ClientsModule.register([{ name: 'SHOP', customClass: PolylogClient, options: { brokers } }])`, then `@Inject('SHOP')`. */
class PolylogClient extends ClientProxy {
  readonly #options: ConnectOptions
  #client: Promise<Client> | undefined
  #producer: MessageProducer | undefined

  constructor(options: ConnectOptions) {
    super()
    this.#options = options
  }

  connect(): Promise<Client> {
    this.#client ??= connect(this.#options).catch((error: unknown) => {
      this.#client = undefined
      throw error
    })
    return this.#client
  }

  async close(): Promise<void> {
    await (await this.#client)?.close()
    this.#client = undefined
    this.#producer = undefined
  }

  unwrap<T>(): T {
    return this.#client as T
  }

  protected publish({ pattern, data }: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    const unsubscribed = new AbortController()
    const options = { reply: json<{ result: unknown }>(), timeoutMs: 30_000, signal: unsubscribed.signal }
    this.connect()
      .then((client) =>
        client.request(topic(this.normalizePattern(pattern), json<unknown>()), { value: data }, options),
      )
      .then(
        ({ result }) => callback({ response: result, isDisposed: true }),
        (err: unknown) => callback({ err, isDisposed: true }),
      )
    return () => unsubscribed.abort()
  }

  protected async dispatchEvent<T>({ pattern, data }: ReadPacket): Promise<T> {
    const client = await this.connect()
    this.#producer ??= client.producer()
    const sent = await this.#producer.send(topic(this.normalizePattern(pattern), json<unknown>()), { value: data })
    return sent as T
  }
}

const prices: Readonly<Record<string, number>> = { tea: 250, coffee: 400 }

class ShopController {
  price({ item }: { item: string }): { cents: number } {
    const cents = prices[item]
    if (cents === undefined) throw new RpcException(`nobody sells ${item}`)
    return { cents }
  }

  ordered({ item }: { item: string }, context: PolylogContext): void {
    console.log('ordered:', item, 'at delivery', context.getMessage().deliveryCount) // ordered: coffee at delivery 1
    shipped.resolve()
  }
}
const shipped = Promise.withResolvers<void>()

// With a compiler: @Controller() class …, @MessagePattern('price') price(…), @EventPattern('ordered') ordered(@Payload() …, @Ctx() …)
Controller()(ShopController)
MessagePattern('price')(ShopController.prototype, 'price', descriptorOf('price'))
EventPattern('ordered')(ShopController.prototype, 'ordered', descriptorOf('ordered'))
Payload()(ShopController.prototype, 'ordered', 0)
Ctx()(ShopController.prototype, 'ordered', 1)
class ShopModule {}
Module({ controllers: [ShopController] })(ShopModule)

function descriptorOf(method: keyof ShopController): PropertyDescriptor {
  return Object.getOwnPropertyDescriptor(ShopController.prototype, method)!
}

await using broker = await startBroker()
const brokers = `${broker.kafka.host}:${broker.kafka.port}`
const strategy = new PolylogServer({ brokers, group: 'shop' })
const app = await NestFactory.createMicroservice(ShopModule, { strategy, logger: false })
const shop = new PolylogClient({ brokers })

// What was sent before the application listens waits for it.
await firstValueFrom(shop.emit('ordered', { item: 'coffee' }))
await app.listen()
await shipped.promise
const { cents } = await firstValueFrom(shop.send<{ cents: number }>('price', { item: 'coffee' }))
console.log(cents, 'cents') // 400 cents
const failure = await firstValueFrom(shop.send('price', { item: 'cocoa' })).catch((error: unknown) => error)
console.log(String(failure)) // ClientError: topic "price" answered: nobody sells cocoa

await app.close()
await shop.close()
