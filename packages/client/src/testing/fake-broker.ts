import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { Reader, Writer, apis, decode, decodeRequestHeader, encodeResponse, findApi } from '@polylog/wire'
import type { Api, ApiKey, Infer, InferInput } from '@polylog/wire'

type RequestOf<K extends ApiKey> = Infer<(typeof apis)[K]['request']>
type AnswerOf<K extends ApiKey> = InferInput<(typeof apis)[K]['response']>

/** What the fake answers, by API key. `undefined` leaves the request unanswered. */
export type Script = {
  [K in ApiKey]?: (request: RequestOf<K>, version: number) => AnswerOf<K> | Promise<AnswerOf<K>> | undefined
}

/**
 * A broker made of a script, on a free port of this machine: it speaks the real protocol, and its answers are the test's.
 * ApiVersions and Metadata of the topics "t" and "dead" (two partitions each, led by broker 1) are there unless the script
 * replaces them.
 */
export class FakeBroker {
  /** Names of the APIs asked for, in order. */
  readonly asked: string[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #hold: (name: string) => Promise<void> | undefined
  #script: Script

  private constructor(script: Script, hold: (name: string) => Promise<void> | undefined) {
    this.#script = script
    this.#hold = hold
    this.#server = createServer((socket) => this.#accept(socket))
  }

  /** @param hold a promise that it returns is waited for before the request of that API is answered */
  static async start(
    script: Script = {},
    hold: (name: string) => Promise<void> | undefined = () => undefined,
    port = 0,
  ): Promise<FakeBroker> {
    const fake = new FakeBroker(script, hold)
    await new Promise<void>((resolve) => fake.#server.listen(port, '127.0.0.1', resolve))
    fake.#script = { 18: apiVersions, 3: (request) => fake.metadata(request.topics), ...script }
    return fake
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the fake broker does not listen')
    return address.port
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  metadata(topics: RequestOf<3>['topics']): AnswerOf<3> {
    const partition = (partitionIndex: number) => ({
      errorCode: 0,
      partitionIndex,
      leaderId: 1,
      replicaNodes: [1],
      isrNodes: [1],
    })
    const known = (name: string) => ({ errorCode: 0, name, partitions: [partition(0), partition(1)] })
    const names = topics?.map(({ name }) => name) ?? ['t']
    return {
      brokers: [{ nodeId: 1, host: '127.0.0.1', port: this.port }],
      clusterId: 'fake',
      controllerId: 1,
      topics: names.map((name) =>
        name === 't' || name === 'dead' ? known(name) : { errorCode: 3, name, partitions: [] },
      ),
    }
  }

  /** Cuts every connection. */
  disconnect(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disconnect()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket)
    let pending = Buffer.alloc(0)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
        const end = 4 + pending.readInt32BE(0)
        this.#serve(socket, pending.subarray(4, end))
        pending = pending.subarray(end)
      }
    })
  }

  #serve(socket: Socket, frame: Buffer): void {
    const reader = new Reader(frame)
    const { apiKey, apiVersion, correlationId } = decodeRequestHeader(reader)
    const api: Api = findApi(apiKey)!
    this.asked.push(api.name)
    const handler = this.#script[apiKey as ApiKey] as ((request: unknown, version: number) => unknown) | undefined
    const answer = handler?.(decode(api.request, apiVersion, reader), apiVersion)
    if (answer === undefined) return
    const send = (value: unknown): void => {
      const writer = new Writer()
      encodeResponse(api, apiVersion, correlationId, value, writer)
      socket.write(writer.concat())
    }
    const held = answer instanceof Promise ? undefined : this.#hold(api.name)
    if (answer instanceof Promise) void answer.then(send)
    else if (held === undefined) send(answer)
    else void held.then(() => send(answer))
  }
}

function apiVersions(): AnswerOf<18> {
  const apiKeys = Object.values<Api>(apis).map(({ key, versions }) => ({
    apiKey: key,
    minVersion: versions[0],
    maxVersion: versions[1],
  }))
  return { errorCode: 0, apiKeys }
}
