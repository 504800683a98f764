import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../../../bench/harness/process.ts'
import * as kafka from '../../../../bench/rivals/kafka.ts'
import { BrokerProcess } from '../../broker-process.ts'

/** The broker under test. */
export interface Target extends AsyncDisposable {
  readonly address: string
  /** Only Polylog has it: kill -9, and start again on the same directory and port. */
  crash?(): Promise<void>
}

/**
 * Polylog in a process of its own; with SHARE_TARGET=kafka Apache Kafka itself (the jars of bench/rivals), which shows what
 * the tests may expect.
 */
export async function startTarget(): Promise<Target> {
  if (process.env['SHARE_TARGET'] === 'kafka') return startKafka()
  const broker = await BrokerProcess.start()
  return {
    address: broker.address,
    crash: async () => {
      await broker.kill()
      await broker.restart()
    },
    [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
  }
}

async function startKafka(): Promise<Target> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'polylog-share-kafka-'))
  const port = await freePort()
  const server = await kafka.start({ dataDirectory, port })
  return {
    address: `127.0.0.1:${port}`,
    [Symbol.asyncDispose]: async () => {
      await server.stop()
      rmSync(dataDirectory, { recursive: true, force: true })
    },
  }
}
