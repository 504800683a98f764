import { relative, resolve } from 'node:path'
import { printJson } from '../client-session.ts'
import { commandPrefix } from '../command-prefix.ts'
import type { Command, CommandContext } from '../command.ts'
import { UsageError, exitCodes } from '../exit-code.ts'
import { firstUserFlags, jsonFlag } from '../flags.ts'
import { linesOf } from '../lines.ts'
import { Screen } from '../screen.ts'
import { expectSettings } from '../setting-flags.ts'
import { DevCluster } from './dev-cluster.ts'
import { DevView, consoleHelp, obey } from './dev-console.ts'
import { DevDirectory } from './dev-directory.ts'
import { devLoginOf } from './dev-login.ts'
import type { DevLogin } from './dev-login.ts'
import { portsFrom } from './dev-ports.ts'

const directoryDefault = './polylog-dev-cluster'
const brokersDefault = 3
const brokersMax = 9
const kafkaPortDefault = 9092
const httpPortDefault = 15672

export const devClusterCommand: Command = {
  summary: 'Start a cluster of several brokers and an etcd on this machine, to try things out.',
  usage: '[--brokers N] [--data DIR] [--fresh]',
  examples: [
    ['polylog dev-cluster', 'three brokers on 127.0.0.1:9092 to 9094 and the etcd of this machine'],
    ['polylog dev-cluster --brokers 5 --fresh', 'five, with nothing of an earlier run'],
    [
      'polylog dev-cluster --json --kafka-port 0 --http-port 0',
      'for scripts: any free ports, one line of JSON when ready',
    ],
    ['polylog dev-cluster --user admin --password-file admin.txt', 'clients must log in (docs/security.md)'],
    ['polylog dev-cluster --metadata etcd://127.0.0.1:2379', 'on an etcd that runs already'],
  ],
  notes: [
    'In a terminal it shows the cluster, and you can type: "kill 2" ends broker 2 like a crash, "start 2" brings it back, "pause 2" and "resume 2" freeze it; the same works with etcd. Ctrl-C or "quit" stops all in good order. Data is kept in ./polylog-dev-cluster, logs are beside it.',
    'With --json it prints one line when all are up: {"event":"ready","kafka":"…,…","http":[…],"etcd":"…","pids":[…],"etcdPid":…}. If this command dies, the brokers and etcd stop by themselves.',
  ],
  flags: {
    brokers: { type: 'string', value: 'N', short: 'n', documentation: 'How many (default 3).' },
    data: { type: 'string', value: 'DIR', documentation: `Folder for everything (default ${directoryDefault}).` },
    fresh: { type: 'boolean', documentation: 'Remove what an earlier run has left in the folder.' },
    'kafka-port': { type: 'string', value: 'PORT', documentation: 'Port of the first broker (default 9092); 0: any.' },
    'http-port': { type: 'string', value: 'PORT', documentation: 'The same for HTTP (default 15672).' },
    metadata: { type: 'string', value: 'STORE', documentation: 'An etcd that runs already: etcd://HOST:PORT/PREFIX.' },
    etcd: { type: 'string', value: 'PROGRAM', documentation: 'The etcd program (default: the one on the PATH).' },
    ...firstUserFlags,
    set: {
      type: 'string',
      value: 'NAME=VALUE',
      multiple: true,
      documentation: 'A setting of all brokers; may be repeated.',
    },
    ...jsonFlag,
  },
  words: [0, 0],
  run: async (context) => {
    const login = devLoginOf(context.arguments)
    const cluster = await clusterOf(context, login, (sentence) => tell(sentence))
    const isLive = context.terminal.isInteractive && context.stdin.isTerminal && !context.arguments.has('json')
    const view = isLive ? new DevView(cluster, new Screen(context.terminal), login.credentials) : undefined
    let isShown = false
    const tell = (sentence: string): void => {
      if (isShown) view?.tell(sentence)
      else if (sentence !== '') context.terminal.note(sentence)
    }
    try {
      if (await started(context, cluster)) {
        await announce(context, cluster, login)
        isShown = isLive
        await serve(context, cluster, view, tell)
      }
    } finally {
      isShown = false
      // In a terminal the cursor stands behind what was typed, such as ^C.
      context.terminal.note(isLive ? '\nstopping' : 'stopping')
      await cluster.stop()
    }
    return exitCodes.ok
  },
}

async function clusterOf(
  { arguments: given }: CommandContext,
  login: DevLogin,
  told: (sentence: string) => void,
): Promise<DevCluster> {
  const count = given.whole('brokers', 1, brokersMax) ?? brokersDefault
  const kafkaPort = given.whole('kafka-port', 0, 65_535 - brokersMax)
  const httpPort = given.whole('http-port', 0, 65_535 - brokersMax)
  const metadata = given.text('metadata')
  if (metadata !== undefined && !/^etcds?:\/\//.test(metadata)) {
    throw new UsageError('--metadata must be etcd://HOST:PORT or etcds://HOST:PORT')
  }
  if (metadata !== undefined && given.has('etcd')) throw new UsageError('--metadata and --etcd exclude each other')
  expectSettings(given.pairs('set').map((pair) => ({ ...pair, flag: '--set' })))
  const directory = DevDirectory.open(resolve(given.text('data') ?? directoryDefault), given.has('fresh'))
  return new DevCluster({
    directory,
    kafkaPorts: await portsFrom(kafkaPort ?? kafkaPortDefault, count, kafkaPort !== undefined),
    httpPorts: await portsFrom(httpPort ?? httpPortDefault, count, httpPort !== undefined),
    metadata,
    etcdBinary: given.text('etcd') ?? 'etcd',
    brokerFlags: [
      ...login.brokerFlags,
      ...given.pairs('set').flatMap(({ name, value }) => ['--set', `${name}=${value}`]),
    ],
    told,
  })
}

/** Whether all came up before somebody lost patience. */
async function started({ interrupted }: CommandContext, cluster: DevCluster): Promise<boolean> {
  const start = cluster.start()
  // What becomes of it after an interruption is of no interest any more.
  start.catch(() => undefined)
  await Promise.race([start, aborted(interrupted)])
  return !interrupted.aborted
}

async function announce(context: CommandContext, cluster: DevCluster, { clientFlags }: DevLogin): Promise<void> {
  const { kafka, metadata, pids, etcdPid, brokers } = cluster
  const http = brokers.map((broker) => broker.http)
  if (context.arguments.has('json')) {
    await printJson(context, { event: 'ready', kafka, http, etcd: metadata, pids, etcdPid })
    return
  }
  const command = commandPrefix(context.environment)
  const given = context.arguments.text('data') ?? directoryDefault
  const directory = relative(process.cwd(), resolve(given)) || '.'
  await context.terminal.print(`${brokers.length === 1 ? 'A broker is' : `${brokers.length} brokers are`} ready: ${kafka}
Status and changes: HTTP on ${http[0]}; metadata in ${metadata}; data and logs in ${directory}

Try, in another terminal:
  ${command} topic create orders --partitions 6 --broker ${kafka}${clientFlags}
  ${command} bench --broker ${kafka}${clientFlags}
  ${command} cluster status --watch --http ${http[0]}${clientFlags}
and meanwhile kill a broker here.

`)
}

/** Does what is typed until somebody wants it to end. */
async function serve(
  context: CommandContext,
  cluster: DevCluster,
  view: DevView | undefined,
  tell: (sentence: string) => void,
): Promise<void> {
  const quit = new AbortController()
  const over = aborted(quit.signal)
  void aborted(context.interrupted).then(() => quit.abort())
  const obeyed = async (): Promise<void> => {
    for await (const lines of linesOf(context.stdin.bytes())) {
      for (const line of lines) {
        view?.typed()
        const outcome = await obey(cluster, line.toString())
        if (outcome === 'quit') quit.abort()
        else tell(outcome.sentence)
      }
    }
  }
  if (view === undefined) tell(`${consoleHelp}, or Ctrl-C`)
  // A script that has no more to say, or a stdin that cannot be read, is no reason to stop.
  obeyed().catch((error: unknown) => {
    if (!quit.signal.aborted) tell(String(error))
  })
  await Promise.all([over, view?.run(quit.signal)])
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done()
    else signal.addEventListener('abort', () => done(), { once: true })
  })
}
