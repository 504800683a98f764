import { createServer, Socket } from 'node:net'
import type { Server } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import type { Address, Connection, Listener, Network } from '../network.ts'
import { NetworkError } from '../network.ts'
import { NodeConnection } from './node-connection.ts'
import type { TlsDialOptions, TlsListenOptions } from '../tls.ts'
import { networkErrorOf } from './node-network-error.ts'
import { dialOptions, secureAccepted } from './node-tls.ts'

/** TCP of the machine. */
export class NodeNetwork implements Network {
  listen(address: Address, accepted: (connection: Connection) => void, tls?: TlsListenOptions): Promise<Listener> {
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
      // Under TLS bytes come as 'data': Node takes `onread` for TLS from who dials only, and decryption copies anyway.
      accepted(
        new NodeConnection((onread) => (tls === undefined ? adopt(socket, onread) : secureAccepted(socket, tls))),
      )
    })
    return new Promise((resolve, reject) => {
      const what = `cannot listen on ${address.host}:${address.port}`
      server.once('error', (error) => reject(networkErrorOf(error, what, 'unknown-host')))
      server.listen({ host: address.host, port: address.port }, () => {
        server.removeAllListeners('error')
        server.on('error', warnOnce())
        resolve(new NodeListener(server))
      })
    })
  }

  connect(address: Address, timeoutMs: number, tls?: TlsDialOptions): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const what = `cannot connect to ${address.host}:${address.port}`
      let socket: Socket | undefined
      const connection = new NodeConnection((onread) => {
        socket =
          tls === undefined ? new Socket({ onread, allowHalfOpen: true }) : connectSecurely(dialOptions(address, tls))
        return socket
      })
      const dialled = socket!
      const timer = setTimeout(() => {
        dialled.destroy()
        reject(new NetworkError('timed-out', `${what}: no answer within ${timeoutMs} ms`))
      }, timeoutMs).unref()
      const failed = (error: Error): void => {
        clearTimeout(timer)
        reject(networkErrorOf(error, what))
      }
      dialled.once('error', failed)
      const connected = (): void => {
        clearTimeout(timer)
        dialled.off('error', failed)
        connection.nameEnds()
        resolve(connection)
      }
      if (tls !== undefined) dialled.once('secureConnect', connected)
      else dialled.connect({ host: address.host, port: address.port }, connected)
    })
  }
}

class NodeListener implements Listener {
  readonly address: Address
  readonly #server: Server

  constructor(server: Server) {
    this.#server = server
    const bound = server.address()
    if (bound === null || typeof bound === 'string') throw new Error('a TCP listener without an address')
    this.address = { host: bound.address, port: bound.port }
  }

  close(): Promise<void> {
    // The port is free when the call returns. Node's own callback would wait for the connections to end as well.
    this.#server.close()
    return new Promise((resolve) => setImmediate(resolve))
  }
}

/**
 * `onread` is no option of createServer. So the system's handle is taken out of the socket that node has made and put
 * into one that has it. The handle is not a documented property: without it, the socket goes on as it is, with
 * 'data' events (performance figures of both: docs/adr/0003).
 */
export function adopt(accepted: Socket, onread: object): Socket {
  const holder: { _handle?: unknown } = Object(accepted)
  const handle = holder._handle
  if (handle === undefined || handle === null) return accepted
  holder._handle = null
  // Without its handle this closes nothing; it only tells the server that the socket it counts is gone.
  accepted.destroy()
  const options: object = { handle, onread, allowHalfOpen: true, pauseOnCreate: true }
  return new Socket(options)
}

/** An accept that fails (no file descriptors left) concerns a peer that is told by the system; the operator must hear of it. */
function warnOnce(): (error: Error) => void {
  let warned = false
  return (error) => {
    if (!warned) process.emitWarning(`connections are being refused: ${error.message}`, 'PolylogWarning')
    warned = true
  }
}
