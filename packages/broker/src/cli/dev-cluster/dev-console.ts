import { setTimeout as delay } from 'node:timers/promises'
import type { Credentials } from '@polylog/client/admin'
import type { ClusterAnswer } from '../admin-answers.ts'
import { AdminSession } from '../admin-session.ts'
import { clusterStatusText } from '../cluster-status.ts'
import { CommandError } from '../exit-code.ts'
import type { Screen } from '../screen.ts'
import type { DevCluster } from './dev-cluster.ts'

/** What can be done to a cluster from here. */
type Children = Pick<DevCluster, 'child'>
/** What is shown of it. */
type Shown = Pick<DevCluster, 'brokers' | 'httpUp' | 'absences'>

/** What can be typed: the word, and what it does to the program named. */
const deeds = {
  kill: { told: 'is killed', run: (cluster: Children, name: string) => cluster.child(name).signal('SIGKILL') },
  stop: { told: 'stops', run: (cluster: Children, name: string) => cluster.child(name).signal('SIGTERM') },
  pause: { told: 'is paused', run: (cluster: Children, name: string) => cluster.child(name).signal('SIGSTOP') },
  resume: { told: 'goes on', run: (cluster: Children, name: string) => cluster.child(name).signal('SIGCONT') },
  start: { told: 'is up', run: (cluster: Children, name: string) => cluster.child(name).start() },
} as const

export const consoleHelp = 'Type: kill 2, start 2, stop 2, pause 2, resume 2, the same with etcd; quit'

/** What became of a typed line: a sentence to show, or the wish to end it all. */
export type Obeyed = { readonly sentence: string } | 'quit'

/** Does what was typed. Never throws for anything that can be typed. */
export async function obey(cluster: Children, line: string): Promise<Obeyed> {
  const [word = '', name, ...rest] = line.trim().toLowerCase().split(/\s+/)
  if (word === 'quit' || word === 'exit' || word === 'q') return 'quit'
  if (word === '') return { sentence: '' }
  if (!Object.hasOwn(deeds, word) || name === undefined || rest.length > 0) return { sentence: consoleHelp }
  const deed = deeds[word as keyof typeof deeds]
  try {
    await deed.run(cluster, name)
    return { sentence: `${cluster.child(name).name} ${deed.told}` }
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    return { sentence: error.message }
  }
}

const refreshMs = 1000
const eventCountMax = 5
const answerPatienceMs = 900

/** The live view of a dev cluster in a terminal: status, what happened last, and a line to type on. */
export class DevView {
  readonly #cluster: Shown
  readonly #screen: Screen
  readonly #credentials: Credentials | undefined
  readonly #now: () => Date
  #status = ''
  #events: string[] = []

  /** @param credentials undefined if nobody need log in */
  constructor(cluster: Shown, screen: Screen, credentials?: Credentials, now: () => Date = () => new Date()) {
    this.#cluster = cluster
    this.#screen = screen
    this.#credentials = credentials
    this.#now = now
  }

  /** Notes something that has happened. */
  tell(sentence: string): void {
    if (sentence === '') return
    const time = this.#now().toTimeString().slice(0, 8)
    this.#events = [...this.#events, `${time}  ${sentence}`].slice(-eventCountMax)
    this.#screen.refresh(this.#text())
  }

  /** Draws all anew below what was typed. */
  typed(): void {
    this.#screen.draw(this.#text(), 1)
  }

  /** Shows the cluster until the signal fires. */
  async run(ended: AbortSignal): Promise<void> {
    this.#screen.draw(this.#text())
    while (!ended.aborted) {
      this.#status = await this.#look()
      this.#screen.refresh(this.#text())
      await delay(refreshMs, undefined, { signal: ended }).catch((error: unknown) => {
        if (!ended.aborted) throw error
      })
    }
  }

  /** What the first broker that answers says. A paused one does not, so all are asked at once. */
  async #look(): Promise<string> {
    const logIn = () => Promise.resolve(this.#credentials)
    const asked = this.#cluster.httpUp.map((http) => new AdminSession(http, logIn).get<ClusterAnswer>('/api/cluster'))
    const late = delay(answerPatienceMs).then(() => Promise.reject(new CommandError('no broker answers')))
    try {
      return clusterStatusText(await Promise.race([Promise.any(asked), late]))
    } catch (error) {
      if (error instanceof AggregateError || error instanceof CommandError) return 'No broker answers.\n'
      throw error
    }
  }

  /** The block is as high as it will ever be, so that it can be drawn over itself. */
  #text(): string {
    const rows = this.#cluster.brokers.length + 5
    const status = [...this.#status.trimEnd().split('\n'), ...Array.from({ length: rows }, () => '')].slice(0, rows)
    const events = [...this.#events, ...Array.from({ length: eventCountMax }, () => '')].slice(0, eventCountMax)
    const absences = this.#cluster.absences
    const absent = absences.length === 0 ? 'All programs run.' : `Not up: ${absences.join(', ')}`
    return [...status, absent, '', ...events, consoleHelp].join('\n')
  }
}
