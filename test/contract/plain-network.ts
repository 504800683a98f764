import { createServer } from 'node:net'
import type { Address, Connection, Listener } from '../../packages/broker/src/host/network.ts'
import { NodeConnection } from '../../packages/broker/src/host/node/node-connection.ts'
import { adopt, NodeNetwork } from '../../packages/broker/src/host/node/node-network.ts'

/** The real network on a Node whose sockets have no `_handle`: accepted connections must do with 'data' events. */
export class PlainNetwork extends NodeNetwork {
  override async listen(address: Address, accepted: (connection: Connection) => void): Promise<Listener> {
    // The port comes from the real thing, with its errors; then a server without handles takes its place.
    const reserved = await super.listen(address, accepted)
    await reserved.close()
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
      const withoutHandle = new Proxy(socket, {
        get: (target, key) => (key === '_handle' ? undefined : Reflect.get(target, key)),
      })
      accepted(
        new NodeConnection((onread) => (adopt(withoutHandle, onread) === withoutHandle ? socket : withoutHandle)),
      )
    })
    await new Promise<void>((resolve) => server.listen(reserved.address.port, reserved.address.host, resolve))
    return {
      address: reserved.address,
      close: async () => {
        server.close()
        await new Promise((resolve) => setImmediate(resolve))
      },
    }
  }
}
