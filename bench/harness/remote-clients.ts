import { fork } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Command, Message, Report } from '../clients/client-host.ts'

type Answer = Extract<Report, { kind: 'answer' }>

const POLL_MS = 2
const IN_VAIN_MS_MAX = 60_000

/** The way to a host of clients. */
export interface HostLink {
  send(message: Message): void
  stop(): void
}

/** Makes a host. `died` is told when it is gone. */
export type HostMaker = (take: (report: Report) => void, died: () => void) => HostLink

/** A host in a process of its own. */
const forkHost: HostMaker = (take, died) => {
  const child = fork(fileURLToPath(new URL('../clients/main.ts', import.meta.url)), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  child.on('message', take)
  child.on('exit', died)
  return {
    send: (message) => void (child.connected && child.send(message)),
    stop: () => void (child.connected && child.disconnect()),
  }
}

/** Producers or consumers that run elsewhere. */
export class RemoteClients {
  readonly #link: HostLink
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined
  #failure: Error | undefined
  /** Messages that its consumers have accepted, or the broker has confirmed to its producers. */
  progress = 0
  onProgress: ((count: number) => void) | undefined

  constructor(makeHost: HostMaker) {
    this.#link = makeHost(
      (report) => this.#take(report),
      () => this.#fail(new Error('a process of clients died')),
    )
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined
  }

  /** One at a time. Rejects with what the process says has failed. */
  ask(command: Command): Promise<Answer> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (command.kind === 'receive' || command.kind === 'send') this.progress = 0
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#link.send(command)
    })
  }

  /** Tells producers how many messages are accepted. */
  tell(count: number): void {
    this.#link.send({ kind: 'accepted', count })
  }

  /** Resolves when at least so many messages are, or rejects if for a minute none comes. */
  async reached(count: number): Promise<void> {
    let before = this.progress
    let givenUpAtMs = performance.now() + IN_VAIN_MS_MAX
    while (this.progress < count) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.progress > before) {
        before = this.progress
        givenUpAtMs = performance.now() + IN_VAIN_MS_MAX
      }
      if (performance.now() > givenUpAtMs) throw new Error(`${before} of ${count} messages came, then none`)
      await delay(POLL_MS)
    }
  }

  stop(): void {
    this.#link.stop()
  }

  #take(report: Report): void {
    if (report.kind === 'failed') this.#fail(new Error(report.error))
    else if (report.kind === 'progress') {
      this.progress = report.count
      this.onProgress?.(report.count)
    } else {
      this.#waiting?.resolve(report)
      this.#waiting = undefined
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#waiting?.reject(this.#failure)
    this.#waiting = undefined
  }
}

/** For each broker and client a process of producers and one of consumers, kept from window to window: their code is warm. */
export class ClientPairs {
  readonly #makeHost: HostMaker
  readonly #pairs = new Map<string, { senders: RemoteClients; receivers: RemoteClients }>()

  constructor(makeHost: HostMaker = forkHost) {
    this.#makeHost = makeHost
  }

  /** Processes that have not failed. */
  of(subject: string): { senders: RemoteClients; receivers: RemoteClients } {
    const present = this.#pairs.get(subject)
    if (present !== undefined && !present.senders.hasFailed && !present.receivers.hasFailed) return present
    present?.senders.stop()
    present?.receivers.stop()
    const senders = new RemoteClients(this.#makeHost)
    const receivers = new RemoteClients(this.#makeHost)
    receivers.onProgress = (count) => senders.tell(count)
    const pair = { senders, receivers }
    this.#pairs.set(subject, pair)
    return pair
  }

  stop(): void {
    for (const { senders, receivers } of this.#pairs.values()) {
      senders.stop()
      receivers.stop()
    }
  }
}
