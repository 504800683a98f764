import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { Cluster, createTopic } from '@polylog/client/admin'
import type { Connect, GroupMember, RealClient } from './scenario.ts'
import { describeClient, skipClient } from './suite.ts'

/** Tab and line feed appear neither in the keys nor in the values of the scenario. */
const separators = ['-K', '\t', '-D', '\n']
const format = '%k\t%p\t%o\t%s\n'

const connect: Connect = async (address, codec): Promise<RealClient> => {
  const broker = ['-b', address, '-X', 'broker.address.family=v4']
  return {
    // kcat cannot make topics with several partitions.
    async createTopic(topic, partitionCount) {
      await using cluster = new Cluster({ brokers: address })
      await createTopic(cluster, { name: topic, partitionCount })
    },
    async produce(topic, records) {
      const settings = ['enable.idempotence=true', 'partitioner=murmur2', `compression.codec=${codec}`]
      const options = [...broker, '-P', '-t', topic, ...separators, ...settings.flatMap((setting) => ['-X', setting])]
      const child = spawn('kcat', options, { stdio: ['pipe', 'pipe', 'pipe'] })
      const ended = endOf(child)
      child.stdin.end(Buffer.concat(records.flatMap(({ key, value }) => [Buffer.from(`${key}\t`), value, lineFeed])))
      await ended
    },
    async join(groupId, topic, received) {
      const settings = ['auto.offset.reset=earliest', 'heartbeat.interval.ms=200', 'fetch.wait.max.ms=100']
      const options = [...broker, '-G', groupId, '-u', '-f', format, ...settings.flatMap((setting) => ['-X', setting])]
      const child = spawn('kcat', [...options, topic], { stdio: ['pipe', 'pipe', 'pipe'] })
      return member(child, received)
    },
    async close() {},
  }
}

const lineFeed = Buffer.from('\n')

function member(
  child: ChildProcessByStdio<Writable, Readable, Readable>,
  received: Parameters<RealClient['join']>[2],
): GroupMember {
  let rest: Buffer = Buffer.alloc(0)
  child.stdout.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    for (let end = bytes.indexOf(10); end >= 0; start = end + 1, end = bytes.indexOf(10, start)) {
      received(parse(bytes.subarray(start, end)))
    }
    rest = bytes.subarray(start)
  })
  const ended = endOf(child)
  return {
    // It commits and leaves the group when it is interrupted.
    stop() {
      child.kill('SIGINT')
      return ended
    },
  }
}

function parse(line: Buffer): Parameters<Parameters<RealClient['join']>[2]>[0] {
  const fields = line.toString('latin1').split('\t')
  const [key, partition, offset, value] = fields as [string, string, string, string]
  return { key, partition: Number(partition), offset: Number(offset), value: Buffer.from(value, 'latin1') }
}

async function endOf(child: ChildProcessByStdio<Writable, Readable, Readable>): Promise<void> {
  let complaints = ''
  child.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`kcat ended with ${code}: ${complaints}`)
}

const version = spawnSync('kcat', ['-V'], { encoding: 'utf8' })
const name = 'librdkafka (kcat)'
if (version.status === 0) describeClient(name, connect)
else skipClient(name, 'there is no kcat on the PATH')
