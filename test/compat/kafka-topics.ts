/**
 * Stands in for Kafka's script kafka-topics.sh, which suites call for what they cannot do through their own client:
 *   node kafka-topics.ts --bootstrap-server HOST:PORT --create|--alter|--delete --topic NAME …
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const polylog = fileURLToPath(new URL('../../packages/broker/src/main.ts', import.meta.url))

/** Makes `file` a command that calls this one, with `words` before its own. */
export function writeStandIn(file: string, words: readonly string[]): void {
  const quoted = [process.execPath, import.meta.filename, ...words].map((word) => `'${word}'`)
  writeFileSync(file, `#!/bin/sh\nexec ${quoted.join(' ')} "$@"\n`)
  chmodSync(file, 0o755)
}

/** The words of our own command that do what those for kafka-topics.sh say. */
function translate(args: readonly string[]): string[] {
  const { values } = parseArgs({
    args: [...args],
    options: {
      'bootstrap-server': { type: 'string', default: '127.0.0.1:9092' },
      // What kafkajs's suite says to its own, old Kafka.
      zookeeper: { type: 'string' },
      topic: { type: 'string' },
      partitions: { type: 'string' },
      'replication-factor': { type: 'string' },
      config: { type: 'string', multiple: true, default: [] },
      create: { type: 'boolean' },
      alter: { type: 'boolean' },
      delete: { type: 'boolean' },
    },
  })
  const { topic, partitions } = values
  if (topic === undefined) throw new Error(`no topic in: ${args.join(' ')}`)
  const broker = ['--broker', values['bootstrap-server']]
  if (values.delete) return ['delete', topic, '--yes', ...broker]
  if (partitions === undefined) throw new Error(`no partitions in: ${args.join(' ')}`)
  if (values.alter) return ['add-partitions', topic, '--to', partitions, ...broker]
  const replicas = values['replication-factor'] === undefined ? [] : ['--replicas', values['replication-factor']]
  const configs = values.config.flatMap((config) => ['--config', config])
  return ['create', topic, '--partitions', partitions, ...replicas, ...configs, ...broker]
}

if (import.meta.main) {
  const words = translate(process.argv.slice(2))
  process.exitCode = spawnSync(process.execPath, [polylog, 'topic', ...words], { stdio: 'inherit' }).status ?? 1
}
