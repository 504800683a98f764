import type { Socket } from 'node:net'

/** Resolves once the socket is connected; from then on `failed` is told what ends it. Rejects when nobody listens. */
export function connected(socket: Socket, failed: (error: Error) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      socket.on('error', failed)
      socket.on('close', () => failed(new Error('the broker closed the connection')))
      resolve()
    })
  })
}
