import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'

export interface Options {
  /** Broker names; the first is the one under test, the others are what it is compared with. */
  readonly subjects: readonly string[]
  /** Process ids of brokers started by others, in the same order. */
  readonly pids: readonly (number | undefined)[]
  readonly workloads: readonly string[]
  readonly seconds: number
  readonly repeat: number
  readonly warmSeconds: number
  readonly coldMib: number
  readonly directory: string
  readonly jsonFile: string | undefined
  readonly polylogCommand: readonly string[] | undefined
  /** A smoke run. */
  readonly hasty: boolean
  readonly list: boolean
  readonly help: boolean
}

export const USAGE = `usage: npm run bench -- [options]

Measures a broker that speaks the Kafka protocol, alone or in turn with others.

  --target NAME          what to measure (default: polylog). host:port of a running broker, or one started here:
                         polylog[:fsync|:os|:memory], kafka, limit[:fdatasync]; a cluster of N brokers with
                         3 replicas, or R: polylog-N[-rfR][:...] (needs etcd), kafka-N[-rfR]; for queue and library
                         also rabbitmq, bullmq (needs redis-server), and the same broker driven by another client:
                         polylog+lean, polylog+kafkajs, polylog+platformatic
  --pid N                process id of a running target, for its CPU time and memory
  --versus NAME[,NAME]   brokers to run in turn with it, A B A B; prints ratios
  --versus-pid N         process id of a running host:port to compare with
  --rival NAME           the same as --versus
  --durability LEVEL     fsync (default), os or memory: the same as --target polylog:LEVEL
  --polylog COMMAND      how to run the polylog command, such as "node dist/polylog.js"; default: this checkout
  --workload NAME[,..]   names or groups: produce, consume, request, pipelined,
                         latency, cpu, cpu10, traffic, queue, library, start, idle, partitions
  --list                 names every workload
  --seconds S            length of a measured window (default 3)
  --repeat N             windows per broker and workload (default 3)
  --warm S               unreported load on each broker before the first window (default 15 seconds; 0 = none)
  --cold-mib N           bytes written for the consume-cached and consume-cold workloads (default 2048)
  --data DIR             where data directories go; choose the disk to measure (default: the temporary directory)
  --json FILE            writes every sample
  --smoke                a few seconds against the limit server, or the given target: does everything work?
`

const SMOKE_WORKLOADS = ['produce-64k-1p', 'consume-tail-64k-1p', 'request-16', 'latency']

/** Reads the command line; throws a sentence for what it does not understand. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      target: { type: 'string' },
      pid: { type: 'string' },
      versus: { type: 'string', multiple: true, default: [] },
      'versus-pid': { type: 'string' },
      rival: { type: 'string', multiple: true, default: [] },
      durability: { type: 'string', default: 'fsync' },
      polylog: { type: 'string' },
      workload: { type: 'string', multiple: true, default: [] },
      seconds: { type: 'string' },
      repeat: { type: 'string' },
      warm: { type: 'string' },
      'cold-mib': { type: 'string', default: '2048' },
      data: { type: 'string', default: tmpdir() },
      json: { type: 'string' },
      smoke: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const target = values.target ?? (values.smoke ? 'limit' : `polylog:${values.durability}`)
  const others = words([...values.versus, ...values.rival])
  const chosen = words(values.workload)
  const subjects = [target, ...others]
  if (new Set(subjects).size < subjects.length) throw new Error('the same broker is named twice')
  return {
    subjects,
    pids: [
      whole(values.pid, '--pid'),
      ...others.map((name) => (/:\d+$/.test(name) ? whole(values['versus-pid'], '--versus-pid') : undefined)),
    ],
    workloads: chosen.length === 0 && values.smoke ? SMOKE_WORKLOADS : chosen,
    seconds: positive(values.seconds ?? (values.smoke ? '0.3' : '3'), '--seconds'),
    repeat: whole(values.repeat ?? (values.smoke ? '1' : '3'), '--repeat')!,
    warmSeconds: notNegative(values.warm ?? (values.smoke ? '0' : '15'), '--warm'),
    coldMib: whole(values['cold-mib'], '--cold-mib')!,
    directory: values.data,
    jsonFile: values.json,
    polylogCommand: values.polylog?.split(' ').filter((word) => word !== ''),
    hasty: values.smoke,
    list: values.list,
    help: values.help,
  }
}

function words(lists: readonly string[]): string[] {
  return lists.flatMap((list) => list.split(',')).filter((word) => word !== '')
}

function positive(text: string, option: string): number {
  const value = notNegative(text, option)
  if (value === 0) throw new Error(`${option} takes a number above 0`)
  return value
}

function notNegative(text: string, option: string): number {
  const value = text === '' ? Number.NaN : Number(text)
  if (!(value >= 0 && value <= 600)) throw new Error(`${option} takes a number up to 600, not "${text}"`)
  return value
}

function whole(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`${option} takes a whole number above 0, not "${text}"`)
  return Number(text)
}
