import { once } from 'node:events'
import type { Socket } from 'node:net'

const saslHandshake = 17
const saslAuthenticate = 36

/**
 * Logs a connection in that somebody else is going to use (SASL PLAIN). The suite makes its users through a port of its Kafka that
 * asks for no login; Polylog's broker has none such.
 * @throws Error when the broker refuses
 */
export async function loginAs(socket: Socket, { user, password }: { user: string; password: string }): Promise<void> {
  const mechanism = Buffer.from('PLAIN')
  const token = Buffer.from(`\0${user}\0${password}`)
  await ask(socket, request(saslHandshake, 1, Buffer.concat([int16(mechanism.length), mechanism])))
  await ask(socket, request(saslAuthenticate, 0, Buffer.concat([int32(token.length), token])))
}

/** A request of header version 1, without a client id. */
function request(api: number, version: number, body: Buffer): Buffer {
  const rest = Buffer.concat([int16(api), int16(version), int32(0), int16(-1), body])
  return Buffer.concat([int32(rest.length), rest])
}

/** Both answers have their error code behind size and correlation id; nothing else comes before the next request. */
async function ask(socket: Socket, bytes: Buffer): Promise<void> {
  socket.write(bytes)
  let answer = Buffer.alloc(0)
  while (answer.length < 4 || answer.length < 4 + answer.readInt32BE(0)) {
    const received = once(socket, 'data') as Promise<[Buffer]>
    socket.resume()
    answer = Buffer.concat([answer, ...(await received)])
    // Whoever reads next shall not miss anything.
    socket.pause()
  }
  const errorCode = answer.readInt16BE(8)
  if (errorCode !== 0) throw new Error(`the login of the suite's door was refused with error ${errorCode}`)
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
