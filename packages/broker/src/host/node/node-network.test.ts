import assert from 'node:assert/strict'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import type { Connection, Receiver } from '../network.ts'
import { NetworkError } from '../network.ts'
import { networkErrorOf } from './node-network-error.ts'
import { adopt, NodeNetwork } from './node-network.ts'

const network = new NodeNetwork()
const cleanups: (() => void)[] = []
describe('node network', () => {
  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup()
  })

  function receiver(parts: {
    buffer?: () => Uint8Array
    received?: (count: number) => void
    closed?: Receiver['closed']
  }): Receiver {
    const shared = new Uint8Array(65_536)
    return {
      buffer: parts.buffer ?? (() => shared),
      received: parts.received ?? (() => {}),
      drained: () => {},
      closed: parts.closed ?? (() => {}),
    }
  }

  /** A raw client and the connection of ours that it has dialled. */
  async function accepted(use: (connection: Connection) => void): Promise<Socket> {
    const listener = await network.listen({ host: '127.0.0.1', port: 0 }, use)
    cleanups.push(() => void listener.close())
    const socket = connect({ port: listener.address.port, host: '127.0.0.1', allowHalfOpen: true })
    cleanups.push(() => socket.destroy())
    await new Promise((resolve) => socket.once('connect', resolve))
    return socket
  }

  describe('NodeNetwork', () => {
    it('reads into the very buffers of the receiver', async () => {
      const given: Uint8Array[] = []
      let count = 0
      const done = new Promise<void>((resolve) => {
        void accepted((connection) => {
          connection.receive(
            receiver({
              buffer: () => {
                given.push(new Uint8Array(1000))
                return given.at(-1)!
              },
              received: (bytes) => {
                assert.equal(given.at(-1)![0], 7)
                count += bytes
                if (count === 5000) resolve()
              },
            }),
          )
        }).then((socket) => socket.write(new Uint8Array(5000).fill(7)))
      })
      await done
      assert.ok(given.length <= 7, 'one buffer for each read, and one or two ahead')
    })

    it('ends in peace with a peer that has only ended its side, after what was written', async () => {
      let error: Error | undefined | 'open' = 'open'
      const socket = await accepted((connection) => {
        connection.receive(
          receiver({
            received: () => connection.write([new Uint8Array(100_000)]),
            closed: (reason) => {
              error = reason
            },
          }),
        )
      })
      let answered = 0
      socket.on('data', (bytes) => {
        answered += bytes.length
      })
      socket.end('question')
      await new Promise((resolve) => socket.once('close', resolve))
      assert.equal(answered, 100_000)
      while (error === 'open') await new Promise((resolve) => setImmediate(resolve))
      assert.equal(error, undefined)
    })

    it('reports a reset as such', async () => {
      let tell: (error: Error | undefined) => void = () => {}
      const told = new Promise<Error | undefined>((resolve) => {
        tell = resolve
      })
      const socket = await accepted((connection) => connection.receive(receiver({ closed: tell })))
      socket.resetAndDestroy()
      const error = await told
      assert.ok(error instanceof NetworkError && error.kind === 'reset', String(error))
      assert.match(error.message, /connection with 127\.0\.0\.1:\d+/)
    })

    it('leaves a socket as it is that has no handle', () => {
      const server = createServer()
      const bare = Object.create(server)
      assert.equal(adopt(bare, {}), bare)
    })

    it('tells failures apart by kind', () => {
      for (const [code, kind] of [
        ['EADDRINUSE', 'in-use'],
        ['EACCES', 'denied'],
        ['ENOTFOUND', 'unreachable'],
        ['EHOSTUNREACH', 'unreachable'],
        ['ETIMEDOUT', 'timed-out'],
        ['EPIPE', 'reset'],
        ['EPROTO', 'other'],
      ] as const) {
        const cause = Object.assign(new Error('cause'), { code })
        const error = networkErrorOf(cause, 'what')
        assert.deepEqual([error.kind, error.cause], [kind, cause])
      }
      const unresolved = Object.assign(new Error('cause'), { code: 'ENOTFOUND' })
      assert.equal(networkErrorOf(unresolved, 'what', 'unknown-host').kind, 'unknown-host')
    })
  })
})
