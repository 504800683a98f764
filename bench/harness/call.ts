import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { ByteReader } from '../load/bytes.ts'
import type { ByteWriter } from '../load/bytes.ts'
import { requestFrame } from '../load/frame.ts'
import type { Address } from '../load/job.ts'

/**
 * One request on a connection of its own; resolves with a reader placed behind the response header. Rejects when
 * nobody listens, the connection breaks, or no answer came in `timeoutMs`.
 */
export function call(
  address: Address,
  request: { key: number; version: number },
  body: (writer: ByteWriter) => void,
  timeoutMs = 60_000,
): Promise<ByteReader> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host: address.host, port: address.port, noDelay: true })
    const parts: Buffer[] = []
    let received = 0
    let wanted = 4
    const fail = (error: Error) => {
      socket.destroy()
      reject(error)
    }
    socket.setTimeout(timeoutMs, () =>
      fail(new Error(`no answer from ${address.host}:${address.port} in ${timeoutMs} ms`)),
    )
    socket.once('error', fail)
    socket.once('close', () => fail(new Error(`${address.host}:${address.port} closed the connection`)))
    socket.once('connect', () => socket.write(requestFrame(request, 1, body)))
    socket.on('data', (part: Buffer) => {
      parts.push(part)
      received += part.length
      if (received < wanted) return
      const frame = Buffer.concat(parts)
      wanted = 4 + frame.readInt32BE(0)
      if (received < wanted) return
      resolve(new ByteReader(frame, 8))
      socket.destroy()
    })
  })
}
