// A broker that is broken on purpose, with the flags and the ready line of `polylog start`: kill.test.ts must catch it.
import { parseArgs } from 'node:util'
import { Broker } from '../../../packages/broker/src/broker.ts'
import { createNodeHost } from '../../../packages/broker/src/host/node/node-host.ts'
import { NodeHttpServer } from '../../../packages/broker/src/host/node/node-http.ts'
import { silentLogger } from '../../../packages/broker/src/telemetry/logger.ts'
import { ForgetfulDisk } from './forgetful-disk.ts'

const text = { type: 'string' } as const
const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { data: text, kafka: text, http: text, json: { type: 'boolean' } },
})
const port = Number(values.kafka!.slice(values.kafka!.lastIndexOf(':') + 1))
const settings = { dataDirectory: values.data!, kafkaAddress: { host: '127.0.0.1', port }, httpAddress: undefined }
const host = { ...createNodeHost(), disk: new ForgetfulDisk() }
const broker = await Broker.start(settings, { host, http: new NodeHttpServer(), logger: silentLogger })
const kafka = `${broker.kafka.host}:${broker.kafka.port}`
console.log(JSON.stringify({ event: 'ready', kafka, http: null, pid: process.pid }))
