import type { Draw } from '../clean-history.ts'
import type {
  MetadataAnswer,
  MetadataHistory,
  MetadataOperation,
  SeenComparison,
  SeenKey,
  SeenResponse,
  SeenStep,
  WatchHistory,
} from './metadata-history.ts'
import { emptyMetadataHistory } from './metadata-history.ts'

const clientCount = 4
const stepCount = 160
const keyCount = 5

type Asked = Pick<MetadataOperation, 'compare' | 'then' | 'otherwise'>

/** A metadata store without a fault and clients that use it at the same time, whose answers are at times lost. */
class PerfectStore {
  readonly history: MetadataHistory = emptyMetadataHistory()
  readonly #draw: Draw
  readonly #keys = new Map<string, SeenKey>()
  readonly #busy = new Set<number>()
  readonly #active: (() => void)[][] = []
  readonly #watches: WatchHistory[] = []
  #revision = 1
  #tick = 0
  #count = 0

  constructor(draw: Draw) {
    this.#draw = draw
  }

  run(): void {
    for (let step = 0; step < stepCount || this.#active.length > 0; step += 1) {
      if (step < stepCount) this.#begin()
      const index = this.#below(this.#active.length)
      this.#active[index]?.shift()?.()
      if (this.#active[index]?.length === 0) this.#active.splice(index, 1)
    }
  }

  #begin(): void {
    const client = this.#below(clientCount)
    if (this.#draw() < 0.05) this.#expire()
    if (this.#draw() < 0.02) this.#watch(client)
    if (this.#busy.has(client)) return
    this.#busy.add(client)
    const operation: MetadataOperation = {
      client: `c${client}`,
      begin: this.#now(),
      end: Infinity,
      answer: undefined,
      ...this.#ask(),
    }
    this.history.operations.push(operation)
    const fate = this.#draw()
    let answer: MetadataAnswer | undefined
    const take = (): void => void (answer = this.#perform(operation))
    const end = (): void => {
      this.#busy.delete(client)
      operation.answer = answer
      operation.end = this.#now()
    }
    // Lost on the way there, or on the way back, or delayed on the way there until after the client has given up.
    if (fate < 0.04) this.#busy.delete(client)
    else if (fate < 0.08) this.#active.push([take, () => this.#busy.delete(client)])
    else if (fate < 0.12) this.#active.push([() => this.#busy.delete(client), ...this.#pauses(), take])
    else this.#active.push([take, end])
  }

  #pauses(): (() => void)[] {
    return Array.from({ length: this.#below(20) }, () => () => undefined)
  }

  #ask(): Asked {
    const draw = this.#draw()
    const key = `/k/${this.#below(keyCount)}`
    this.#count += 1
    const lease = this.#draw() < 0.2 ? { lease: '7' } : {}
    const put: SeenStep = { kind: 'put', key, value: `v${this.#count}`, ...lease }
    if (draw < 0.2) return { compare: [], then: [{ kind: 'get', key }], otherwise: [] }
    if (draw < 0.3) return { compare: [], then: [{ kind: 'range', prefix: '/k/' }], otherwise: [] }
    if (draw < 0.35) return { compare: [], then: [{ kind: 'range', prefix: '/k/', limit: 2 }], otherwise: [] }
    if (draw < 0.45) return { compare: [], then: [put], otherwise: [] }
    if (draw < 0.5) return { compare: [], then: [{ kind: 'delete', key }], otherwise: [] }
    if (draw < 0.53) return { compare: [], then: [{ kind: 'delete-prefix', prefix: `${key}` }], otherwise: [] }
    // Compare and set, at times with what is out of date, at times over two keys.
    const value = this.#draw() < 0.8 ? (this.#keys.get(key)?.modRevision ?? 0) : this.#below(this.#revision)
    const compare: SeenComparison[] = [{ key, target: 'modRevision', operator: '=', value }]
    const other = `/k/${this.#below(keyCount)}`
    const then = [put]
    if (draw > 0.8 && other !== key) {
      compare.push({ key: other, target: 'version', operator: '>', value: this.#below(3) })
      then.push({ kind: 'put', key: other, value: `v${this.#count}b` })
    }
    return { compare, then, otherwise: [{ kind: 'get', key }] }
  }

  #perform({ compare, then, otherwise }: Asked): MetadataAnswer {
    const succeeded = compare.every(({ key, target, operator, value }) => {
      const present = Number(this.#keys.get(key)?.[target] ?? 0)
      return operator === '=' ? present === value : present > Number(value)
    })
    const steps = succeeded ? then : otherwise
    const before = this.#revision
    const puts: SeenKey[] = []
    const deleted: string[] = []
    const responses = steps.map((step): SeenResponse => {
      if (step.kind === 'put') puts.push(this.#put(step, before + 1))
      else if (step.kind === 'delete' || step.kind === 'delete-prefix') {
        const doomed = [...this.#keys.keys()].filter((key) => this.#isMeant(key, step))
        for (const key of doomed) this.#keys.delete(key)
        deleted.push(...doomed)
        return { kind: step.kind, deleted: doomed.length }
      } else if (step.kind === 'get') return { kind: 'get', keyValue: this.#keys.get(step.key) }
      else return this.#range(step.limit ?? Infinity)
      return { kind: 'put' }
    })
    if (puts.length + deleted.length > 0) this.#changed(puts, deleted)
    return { succeeded, revision: steps[0]?.kind === 'get' ? undefined : this.#revision, responses }
  }

  #isMeant(key: string, step: { key: string } | { prefix: string }): boolean {
    return 'key' in step ? key === step.key : key.startsWith(step.prefix)
  }

  #put({ key, value, lease = '0' }: { key: string; value: string; lease?: string }, revision: number): SeenKey {
    const before = this.#keys.get(key)
    const createRevision = before?.createRevision ?? revision
    const seen = { key, value, createRevision, modRevision: revision, version: (before?.version ?? 0) + 1, lease }
    this.#keys.set(key, seen)
    return seen
  }

  #range(limit: number): SeenResponse {
    const all = [...this.#keys.values()].sort((one, other) => (one.key < other.key ? -1 : 1))
    return { kind: 'range', keyValues: all.slice(0, limit), more: all.length > limit }
  }

  #expire(): void {
    const doomed = [...this.#keys.values()].filter(({ lease }) => lease !== '0').map(({ key }) => key)
    if (doomed.length === 0) return
    for (const key of doomed) this.#keys.delete(key)
    this.#changed([], doomed)
  }

  #watch(client: number): void {
    const watch = { client: `c${client}`, prefix: '/k/', fromRevision: this.#revision + 1, changes: [] }
    this.#watches.push(watch)
    this.history.watches.push(watch)
  }

  #changed(puts: SeenKey[], deleted: string[]): void {
    this.#revision += 1
    for (const { changes } of this.#watches) changes.push({ revision: this.#revision, puts, deleted })
  }

  #now(): number {
    this.#tick += 1
    return this.#tick
  }

  #below(count: number): number {
    return Math.floor(this.#draw() * count)
  }
}

export function cleanMetadata(draw: Draw): MetadataHistory {
  const store = new PerfectStore(draw)
  store.run()
  return store.history
}
