import { deepEqual, equal, rejects } from 'node:assert/strict'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Cluster, Fetcher, RecordProducer } from '@polylog/client/admin'
import { startBroker } from '../../packages/broker/src/mod.ts'
import type { Broker } from '../../packages/broker/src/mod.ts'
import { temporaryDirectory } from './broker-process.ts'
import { runToEnd } from './command.ts'

const modFile = new URL('../../packages/broker/src/mod.ts', import.meta.url).href

const addressOf = ({ kafka }: Broker): string => `${kafka.host}:${kafka.port}`

async function produce(broker: Broker, value: string): Promise<void> {
  await using cluster = new Cluster({ brokers: addressOf(broker) })
  await new RecordProducer(cluster).send('greetings', [{ key: 'k', value }])
}

async function consume(broker: Broker): Promise<string[]> {
  await using cluster = new Cluster({ brokers: addressOf(broker) })
  const fetcher = new Fetcher(cluster, { waitMs: 100 })
  fetcher.seek({ topic: 'greetings', partition: 0 }, 0)
  const values: string[] = []
  do {
    for (const { value } of await fetcher.poll()) values.push(Buffer.from(value!).toString())
  } while (!fetcher.isAtEnd)
  return values
}

describe('startBroker', () => {
  let folder: string
  before(() => (folder = temporaryDirectory()))
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('twenty at once in one process, each with its own data', async (context) => {
    const times: number[] = []
    const brokers = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const start = performance.now()
        const broker = await startBroker()
        times.push(performance.now() - start)
        return broker
      }),
    )
    try {
      equal(new Set(brokers.map(addressOf)).size, 20)
      await Promise.all(brokers.map((broker, i) => produce(broker, `of broker ${i}`)))
      const read = await Promise.all(brokers.map((broker) => consume(broker)))
      deepEqual(
        read,
        brokers.map((_, i) => [`of broker ${i}`]),
      )
    } finally {
      await Promise.all(brokers.map((broker) => broker.stop()))
    }
    const alone = performance.now()
    await using last = await startBroker()
    const aloneMs = performance.now() - alone
    equal(last.http, undefined)
    context.diagnostic(`${Math.max(...times).toFixed(0)} ms for twenty at once, ${aloneMs.toFixed(0)} ms for one alone`)
  })

  it('on disk: what one stores, the next one has', async () => {
    const dataDirectory = join(folder, 'disk')
    {
      await using broker = await startBroker({ dataDirectory })
      await produce(broker, 'first')
    }
    {
      await using broker = await startBroker({ dataDirectory })
      await produce(broker, 'second')
      deepEqual(await consume(broker), ['first', 'second'])
      await rejects(startBroker({ dataDirectory }), /another broker uses the data directory/)
      // The refused one has taken nothing from the one that runs.
      deepEqual(await consume(broker), ['first', 'second'])
    }
    {
      await using broker = await startBroker({ dataDirectory })
      deepEqual(await consume(broker), ['first', 'second'])
    }
  })

  it('in memory: writes nothing to disk', async () => {
    const cwd = join(folder, 'memory')
    const program = `
      import { mkdirSync, readdirSync } from 'node:fs'
      import { startBroker } from ${JSON.stringify(modFile)}
      mkdirSync(${JSON.stringify(cwd)})
      process.chdir(${JSON.stringify(cwd)})
      await using broker = await startBroker()
      console.log(broker.kafka.port > 0, readdirSync('.').length)`
    deepEqual(await runProgram(program), { code: 0, stdout: 'true 0\n', stderr: '' })
    deepEqual(readdirSync(cwd), [])
  })

  it('leaves nothing behind: the process ends by itself once the broker is disposed of', async () => {
    for (const options of ['{}', `{ dataDirectory: ${JSON.stringify(join(folder, 'handles'))} }`]) {
      const program = `
        import { startBroker } from ${JSON.stringify(modFile)}
        {
          await using broker = await startBroker(${options})
          await using second = await startBroker()
        }
        const kept = process.getActiveResourcesInfo().filter((name) => !/^(TTY|Pipe|FS)/.test(name))
        console.log(JSON.stringify(kept))`
      deepEqual(await runProgram(program), { code: 0, stdout: '[]\n', stderr: '' })
    }
  })

  it('a start that fails leaves nothing behind either', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    const program = `
      import { startBroker } from ${JSON.stringify(modFile)}
      await startBroker({ dataDirectory: ${JSON.stringify(file)}, httpAddress: { host: '127.0.0.1', port: 0 } }).then(
        () => console.log('started'),
        (error) => console.log(error.name))`
    deepEqual(await runProgram(program), { code: 0, stdout: 'BrokerError\n', stderr: '' })
  })
})

function runProgram(program: string): ReturnType<typeof runToEnd> {
  return runToEnd(process.execPath, ['--input-type=module', '--eval', program])
}
