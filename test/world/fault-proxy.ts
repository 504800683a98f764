import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/**
 * - `pass`: all goes through.
 * - `refuse`: connections are broken, and new ones too.
 * - `hang`: connections stay, and nothing goes through any more.
 * - `deaf`: what the client says goes through, what it is told does not.
 * - `mute`: the other way round.
 */
export type ProxyMode = 'pass' | 'refuse' | 'hang' | 'deaf' | 'mute'

/** A TCP proxy in front of one server, which breaks what passes it as it is told. */
export class FaultProxy {
  readonly #server: Server
  readonly #target: { readonly host: string; readonly port: number }
  readonly #sockets = new Set<Socket>()
  #mode: ProxyMode = 'pass'
  /** Bytes from the server after which the connection they came on is cut; endless by default. */
  cutAfterBytes = Number.POSITIVE_INFINITY
  cutCount = 0

  private constructor(target: URL) {
    this.#target = { host: target.hostname, port: Number(target.port) }
    this.#server = createServer((socket) => this.#join(socket))
  }

  /**
   * @param url base URL of the server
   * @param host address to listen on
   */
  static async start(url: string, host = '127.0.0.1'): Promise<FaultProxy> {
    const proxy = new FaultProxy(new URL(url))
    await once(proxy.#server.listen(0, host), 'listening')
    return proxy
  }

  /** `host:port` for clients. */
  get address(): string {
    const { address, port } = this.#server.address() as AddressInfo
    return `${address}:${port}`
  }

  get url(): string {
    return `http://${this.address}`
  }

  /** Connections from clients and to the server. */
  get connectionCount(): number {
    return this.#sockets.size
  }

  set(mode: ProxyMode): void {
    this.#mode = mode
    // What was held back is lost, as it is when a network is cut, so the streams cannot go on.
    if (mode === 'refuse' || mode === 'pass') for (const socket of this.#sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #join(near: Socket): void {
    if (this.#mode === 'refuse') return void near.destroy()
    const far = connect(this.#target)
    let leftBytes = this.cutAfterBytes
    this.#keep(near, far)
    this.#keep(far, near)
    near.on('data', (chunk: Buffer) => {
      if (this.#mode === 'pass' || this.#mode === 'deaf') far.write(chunk)
    })
    far.on('data', (chunk: Buffer) => {
      if (this.#mode !== 'pass' && this.#mode !== 'mute') return
      near.write(chunk.subarray(0, leftBytes))
      leftBytes -= chunk.length
      if (leftBytes > 0) return
      this.cutCount++
      near.destroySoon()
    })
  }

  #keep(socket: Socket, other: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => other.destroy())
    socket.once('close', () => {
      this.#sockets.delete(socket)
      other.destroy()
    })
  }
}
