/**
 * Stands in for the `docker` command, with which kafkajs's suite finds a broker's container and adds partitions through
 * Kafka's own script inside it: `docker exec ID bash -c "kafka-topics …"`.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const kafkaTopics = fileURLToPath(new URL('../kafka-topics.ts', import.meta.url))
const [verb, , , , script] = process.argv.slice(2)

if (verb === 'ps') {
  console.log('polylog')
} else if (verb === 'exec' && script?.startsWith('kafka-topics ')) {
  const words = script.split(/\s+/).slice(1)
  const broker = ['--bootstrap-server', process.env['POLYLOG_COMPAT_BROKER'] ?? 'localhost:9092']
  process.exitCode = spawnSync(process.execPath, [kafkaTopics, ...words, ...broker], { stdio: 'inherit' }).status ?? 1
} else {
  throw new Error(`not a command of the suite: ${process.argv.slice(2).join(' ')}`)
}
