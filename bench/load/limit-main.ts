// The limit server as a process of its own: `node limit-main.ts FILE [PORT] [--fdatasync]`; prints its port on stdout.
import { LimitServer } from './limit-server.ts'

const [file, port] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
if (file === undefined) {
  process.stderr.write('usage: node limit-main.ts FILE [PORT] [--fdatasync]\n')
  process.exit(2)
}
const server = await LimitServer.start({ file, port: Number(port ?? 0), sync: process.argv.includes('--fdatasync') })
process.stdout.write(`${server.port}\n`)
