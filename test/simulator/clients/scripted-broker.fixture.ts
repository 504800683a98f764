import { apis, decode, decodeRequestHeader, encodeResponse, findApi, Reader, Writer } from '@polylog/wire'
import type { Api, ApiKey, Infer, InferInput } from '@polylog/wire'
import { SimulatedWorld } from '../../../packages/broker/src/host/simulated/simulated-world.ts'
import type { Connection } from '../../../packages/broker/src/host/network.ts'
import { Catalogue } from './catalogue.ts'
import { Recorder } from './recorder.ts'
import type { ClientParts } from './session.ts'

type RequestOf<K extends ApiKey> = Infer<(typeof apis)[K]['request']>
type AnswerOf<K extends ApiKey> = InferInput<(typeof apis)[K]['response']>

/** What the broker answers, by API key. */
export type Script = { [K in ApiKey]?: (request: RequestOf<K>) => AnswerOf<K> }

const address = { host: 'broker', port: 9092 }
export const brokerId = 1

/** One machine of a simulated world with a broker whose answers are the test's, and a client on another. */
export class ScriptedBroker {
  readonly world = new SimulatedWorld(1)
  readonly recorder = new Recorder()
  readonly parts: ClientParts
  isEnding = false
  readonly #connections = new Set<Connection>()
  #script: Script = {}

  constructor() {
    this.parts = {
      name: 'client',
      host: this.world.node('client').host,
      bootstrap: [address],
      random: this.world.scheduler.random.stream('client'),
      recorder: this.recorder,
      catalogue: new Catalogue(this.recorder.history, true),
      isEnding: () => this.isEnding,
    }
  }

  /** Metadata of the catalogue's topics is there unless the script has its own. */
  async start(script: Script): Promise<void> {
    this.#script = { 3: () => this.#metadata(), ...script }
    const { scheduler } = this.world
    const { network } = this.world.node(address.host).host
    await scheduler.complete(network.listen({ ...address, host: '0.0.0.0' }, (connection) => this.#serve(connection)))
  }

  /** Cuts every connection. */
  disconnect(): void {
    for (const connection of this.#connections) connection.destroy()
  }

  #metadata(): AnswerOf<3> {
    const topics = this.parts.catalogue.topics.map(({ name, id: topicId, partitionCount }) => ({
      errorCode: 0,
      name,
      topicId,
      partitions: Array.from({ length: partitionCount }, (_, partitionIndex) => ({
        errorCode: 0,
        partitionIndex,
        leaderId: brokerId,
        replicaNodes: [brokerId],
        isrNodes: [brokerId],
      })),
    }))
    return { brokers: [{ nodeId: brokerId, ...address }], clusterId: 'scripted', controllerId: brokerId, topics }
  }

  #serve(connection: Connection): void {
    this.#connections.add(connection)
    const buffer = Buffer.alloc(64 * 1024)
    let pending = Buffer.alloc(0)
    connection.receive({
      buffer: () => buffer,
      received: (count) => {
        pending = Buffer.concat([pending, buffer.subarray(0, count)])
        while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
          const end = 4 + pending.readInt32BE(0)
          this.#answer(connection, pending.subarray(4, end))
          pending = pending.subarray(end)
        }
      },
      drained: () => {},
      closed: () => void this.#connections.delete(connection),
    })
  }

  #answer(connection: Connection, frame: Buffer): void {
    const reader = new Reader(frame)
    const { apiKey, apiVersion, correlationId } = decodeRequestHeader(reader)
    const api: Api = findApi(apiKey)!
    const handler = this.#script[apiKey as ApiKey] as ((request: unknown) => unknown) | undefined
    if (handler === undefined) throw new Error(`the script has no answer to ${api.name}`)
    const writer = new Writer()
    encodeResponse(api, apiVersion, correlationId, handler(decode(api.request, apiVersion, reader)), writer)
    connection.write([writer.concat()])
  }
}
