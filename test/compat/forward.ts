import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'

/**
 * Listens on loopback `ports` and carries every connection to `target`, for suites that expect more ports than there are.
 * @param prepare what is to be said to the target first; a connection for which it fails is ended
 * @throws when a port is taken.
 */
export async function forwardPorts(
  ports: readonly number[],
  target: { host: string; port: number },
  prepare: (socket: Socket) => Promise<void> = async () => {},
): Promise<Forwarder> {
  const forwarder = new Forwarder(prepare)
  for (const port of ports) await forwarder.listen(port, target)
  return forwarder
}

class Forwarder implements AsyncDisposable {
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  readonly #prepare: (socket: Socket) => Promise<void>

  constructor(prepare: (socket: Socket) => Promise<void>) {
    this.#prepare = prepare
  }

  async listen(port: number, target: { host: string; port: number }): Promise<void> {
    const server = createServer((client) => this.#carry(client, connect(target)))
    this.#servers.push(server)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, '127.0.0.1', resolve)
    })
  }

  #carry(client: Socket, broker: Socket): void {
    const both = [client, broker]
    for (const socket of both) {
      this.#sockets.add(socket)
      const end = (): void => both.forEach((one) => one.destroy())
      socket
        .on('error', end)
        .on('close', end)
        .on('close', () => this.#sockets.delete(socket))
    }
    this.#prepare(broker).then(
      () => client.pipe(broker).pipe(client),
      (error: unknown) => {
        console.error(String(error))
        broker.destroy()
      },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }
}
