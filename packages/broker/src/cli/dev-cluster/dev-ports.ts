import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

const host = '127.0.0.1'

/**
 * Ports for a number of programs: `first` and those behind it. 0 stands for any free one: for all if `first` is 0, or in
 * the place of one that is taken unless the user `insists`.
 */
export async function portsFrom(first: number, count: number, insists: boolean): Promise<number[]> {
  const wanted = Array.from({ length: count }, (_, i) => (first === 0 ? 0 : first + i))
  if (insists) return wanted
  return Promise.all(wanted.map(async (port) => (port === 0 || (await isFree(port)) ? port : 0)))
}

/** Free just now: somebody else may be quicker. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, host))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}
