import assert from 'node:assert/strict'
import { HttpClientError } from '../../host/http-client.ts'
import type { HttpClient, HttpClientAnswer, HttpClientRequest, HttpClientStream } from '../../host/http-client.ts'
import { NodeClock } from '../../host/node/node-clock.ts'
import { ManualClock } from '../embedded/manual-clock.fixture.ts'
import { EtcdMetadataStore } from './etcd-store.ts'
import type { EtcdStoreOptions } from './etcd-store.ts'

/** What a member does with a request: an object is etcd's answer, a function throws or gives the answer. */
export type Reply = object | ((request: HttpClientRequest) => HttpClientAnswer | Promise<HttpClientAnswer>)

/** A request as a test wants to see it: `a /v3/kv/txn`. */
interface Seen {
  readonly member: string
  readonly path: string
  readonly message: Record<string, unknown>
  readonly request: HttpClientRequest
}

const clusterId = '77'

export function header(revision: number, cluster = clusterId): object {
  return { cluster_id: cluster, revision: String(revision) }
}

export function refusal(message: string, status = 400): Reply {
  return () => ({ status, body: JSON.stringify({ error: message, message, code: 1 }) })
}

export const down: Reply = () => Promise.reject(new HttpClientError('connect', false, 'refused'))
export const cutOff: Reply = () => Promise.reject(new HttpClientError('cut-off', true, 'the connection broke'))
export const timedOut: Reply = () => Promise.reject(new HttpClientError('timed-out', true, 'no answer in time'))
export const hanging: Reply = () => new Promise(() => {})

/** Members of an etcd that do what a test tells them, named `a`, `b`, … */
export class Members implements HttpClient {
  readonly seen: Seen[] = []
  readonly streams: MemberStream[] = []
  /** Answers by `member /path` or `/path`: the first of the list each time, the last one for good. */
  readonly #replies = new Map<string, Reply[]>()
  closed = false
  /** Members that take no streams. */
  readonly streamless = new Set<string>()
  /** Members that take streams and say nothing on them, not even that they exist. */
  readonly silent = new Set<string>()

  reply(to: string, ...replies: Reply[]): this {
    this.#replies.set(to, replies)
    return this
  }

  /** The requests since the last call, without those that `connect` makes, such as `a /v3/kv/txn`. */
  take(): string[] {
    return this.seen.splice(0).map(({ member, path }) => `${member} ${path}`)
  }

  async request(request: HttpClientRequest): Promise<HttpClientAnswer> {
    const { host, pathname } = new URL(request.url)
    const message = JSON.parse(request.body) as Record<string, unknown>
    this.seen.push({ member: host, path: pathname, message, request })
    const replies = this.#replies.get(`${host} ${pathname}`) ?? this.#replies.get(pathname) ?? []
    const reply = replies.length > 1 ? replies.shift()! : replies[0]
    assert.ok(reply !== undefined, `no reply for ${host} ${pathname}`)
    if (typeof reply === 'function') return (reply as (request: HttpClientRequest) => HttpClientAnswer)(request)
    return { status: 200, body: JSON.stringify(reply) }
  }

  async stream(request: HttpClientRequest, signal: AbortSignal): Promise<HttpClientStream> {
    const member = new URL(request.url).host
    if (this.streamless.has(member)) throw new HttpClientError('connect', false, 'refused')
    const stream = new MemberStream(member, request, signal)
    this.streams.push(stream)
    if (!this.silent.has(member)) stream.created()
    return { status: 200, chunks: stream.chunks() }
  }

  close(): void {
    this.closed = true
  }
}

/** One watch stream as the member sees it. */
export class MemberStream {
  readonly member: string
  readonly token: string | undefined
  readonly startRevision: number
  readonly #signal: AbortSignal
  readonly #queue: (Uint8Array | HttpClientError | 'end')[] = []
  #wake: () => void = () => {}

  constructor(member: string, request: HttpClientRequest, signal: AbortSignal) {
    this.member = member
    this.token = request.headers['authorization']
    const { create_request: create } = JSON.parse(request.body) as { create_request: { start_revision: string } }
    this.startRevision = Number(create.start_revision)
    this.#signal = signal
    signal.addEventListener('abort', () => this.#wake())
  }

  get isOver(): boolean {
    return this.#signal.aborted
  }

  send(result: object): void {
    this.sendText(`${JSON.stringify({ result: { header: header(1), ...result } })}\n`)
  }

  created(): void {
    this.send({ created: true })
  }

  sendText(text: string): void {
    this.#push(Buffer.from(text))
  }

  cut(): void {
    this.#push(new HttpClientError('cut-off', true, 'the connection broke'))
  }

  end(): void {
    this.#push('end')
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#signal.aborted) throw new HttpClientError('aborted', true, 'given up')
      const next = this.#queue.shift()
      if (next === 'end') return
      if (next instanceof HttpClientError) throw next
      if (next !== undefined) yield next
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #push(item: Uint8Array | HttpClientError | 'end'): void {
    this.#queue.push(item)
    this.#wake()
  }
}

export interface Connected {
  readonly store: EtcdMetadataStore
  readonly clock: ManualClock
}

/** A store on members `a`, `b`, … of which the first is preferred. */
export async function connectTo(
  members: Members,
  names: string,
  options: Partial<EtcdStoreOptions> = {},
): Promise<Connected> {
  members.reply('/v3/maintenance/status', { header: header(1), version: '3.5.21' })
  members.reply('/v3/kv/range', { header: header(1) })
  const clock = new ManualClock()
  const random = { next: () => 0, bytes: (count: number) => new Uint8Array(count) }
  const endpoints = Array.from(names, (name) => `http://${name}`)
  const store = await EtcdMetadataStore.connect({ clock, random, http: members, endpoints, ...options })
  members.seen.length = 0
  return { store, clock }
}

/** Lets everything happen that needs no time. */
export async function settle(): Promise<void> {
  const clock = new NodeClock()
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => clock.endOfTurn(resolve))
}

/** Lets time pass in small steps, and what follows from it happen. */
export async function pass(clock: ManualClock, durationMs: number, stepMs = 50): Promise<void> {
  for (let passedMs = 0; passedMs < durationMs; passedMs += stepMs) {
    clock.advance(stepMs)
    await settle()
  }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** A key as etcd's JSON has it, put at `revision`. */
export function keyValueAt(key: string, revision: number, version = 1, createRevision = revision, value = ''): object {
  return {
    key: base64(`/polylog/${key}`),
    value: base64(value),
    create_revision: String(createRevision),
    mod_revision: String(revision),
    version: String(version),
  }
}

export function putEvent(key: string, revision: number, version = 1, createRevision = revision): object {
  return { kv: keyValueAt(key, revision, version, createRevision) }
}

export function deleteEvent(key: string, revision: number): object {
  return { type: 'DELETE', kv: { key: base64(`/polylog/${key}`), mod_revision: String(revision) } }
}
