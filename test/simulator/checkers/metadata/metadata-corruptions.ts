import type { Draw } from '../clean-history.ts'
import type { MetadataAnswer, MetadataHistory, MetadataOperation, SeenKey, SeenResponse } from './metadata-history.ts'

export interface MetadataCorruption {
  /** What a checker must call it. */
  kind: string
  name: string
  apply: (history: MetadataHistory, draw: Draw) => void
}

const late = 1_000_000

function pick<T>(list: readonly T[], draw: Draw): T {
  if (list.length === 0) throw new Error('nothing to corrupt')
  return list[Math.floor(draw() * list.length)]!
}

type Answered = MetadataOperation & { answer: MetadataAnswer }

function answered(history: MetadataHistory, kind: string): Answered[] {
  return history.operations.filter(
    (operation): operation is Answered =>
      operation.answer !== undefined && operation.answer.responses.some((each) => each.kind === kind),
  )
}

/** Writes that told their revision. */
function puts(history: MetadataHistory): Answered[] {
  return answered(history, 'put')
}

/** A read of one key after all that is in the history. */
function readLate(history: MetadataHistory, key: string, keyValue: SeenKey | undefined): void {
  append(history, [{ kind: 'get', key }], undefined, [{ kind: 'get', keyValue }])
}

function append(
  history: MetadataHistory,
  then: MetadataOperation['then'],
  revision: number | undefined,
  responses: readonly SeenResponse[],
): void {
  const begin = late + history.operations.length * 2
  const answer = { succeeded: true, revision, responses }
  history.operations.push({ client: 'late', begin, end: begin + 1, compare: [], then, otherwise: [], answer })
}

function topRevision(history: MetadataHistory): number {
  return Math.max(...puts(history).map(({ answer }) => answer.revision!))
}

/** A key that is written by all means, twice, behind the history: gives back both contents. */
function writeTwice(history: MetadataHistory): [SeenKey, SeenKey] {
  const revision = topRevision(history) + 1000
  const facts = { key: '/late', createRevision: revision, lease: '0' }
  const first = { ...facts, value: 'one', modRevision: revision, version: 1 }
  const second = { ...facts, value: 'two', modRevision: revision + 1, version: 2 }
  for (const { key, value, modRevision } of [first, second]) {
    append(history, [{ kind: 'put', key, value }], modRevision, [{ kind: 'put' }])
  }
  return [first, second]
}

function isGuarded({ compare }: MetadataOperation): boolean {
  return compare.length === 1
}

/** Each makes one wrong thing out of a clean history. */
export const metadataCorruptions: MetadataCorruption[] = [
  {
    kind: 'metadata-linearizability',
    name: 'a read gives what has been overwritten',
    apply: (history) => {
      const [first] = writeTwice(history)
      readLate(history, first.key, first)
    },
  },
  {
    kind: 'metadata-linearizability',
    name: 'an acknowledged key is gone',
    apply: (history) => {
      const [first] = writeTwice(history)
      readLate(history, first.key, undefined)
    },
  },
  {
    kind: 'metadata-linearizability',
    name: 'a read gives what nobody wrote',
    apply: (history, draw) => {
      const read = pick(answered(history, 'get'), draw)
      const key = read.then.length > 0 && 'key' in read.then[0]! ? read.then[0].key : '/k/0'
      const seen = { key, value: 'never written', createRevision: 2, modRevision: 2, version: 1, lease: '0' }
      readLate(history, key, seen)
    },
  },
  {
    kind: 'metadata-linearizability',
    name: 'two comparisons with one revision have both held',
    apply: (history) => {
      const [, second] = writeTwice(history)
      const compare = [
        { key: second.key, target: 'modRevision' as const, operator: '=' as const, value: second.modRevision },
      ]
      for (const value of ['three', 'four']) {
        append(history, [{ kind: 'put', key: second.key, value }], topRevision(history) + 1, [{ kind: 'put' }])
        history.operations.at(-1)!.compare = compare
      }
    },
  },
  {
    kind: 'metadata-linearizability',
    name: 'a comparison that held is said to have failed',
    apply: (history, draw) => {
      const guarded = puts(history).filter(isGuarded)
      pick(guarded, draw).answer = { succeeded: false, revision: undefined, responses: [] }
      // Whoever saw the write makes it undeniable; where nobody did, a late read does.
      const [, second] = writeTwice(history)
      append(history, [], undefined, [])
      const last = history.operations.at(-1)!
      last.compare = [{ key: second.key, target: 'version', operator: '=', value: 2 }]
      last.answer = { succeeded: false, revision: undefined, responses: [] }
    },
  },
  {
    kind: 'metadata-linearizability',
    name: 'a write without an answer was seen before it was asked for',
    apply: (history) => {
      const revision = topRevision(history) + 1000
      const seen = { key: '/late', value: 'x', createRevision: revision, modRevision: revision, version: 1, lease: '0' }
      readLate(history, '/late', seen)
      const begin = late * 2
      const then = [{ kind: 'put' as const, key: '/late', value: 'x' }]
      history.operations.push({
        client: 'c',
        begin,
        end: Infinity,
        compare: [],
        then,
        otherwise: [],
        answer: undefined,
      })
    },
  },
  {
    kind: 'metadata-revision-order',
    name: 'a range tells an older revision than one told before',
    apply: (history) => {
      writeTwice(history)
      append(history, [{ kind: 'range', prefix: '/none' }], topRevision(history) - 1, [
        { kind: 'range', keyValues: [], more: false },
      ])
    },
  },
  {
    kind: 'metadata-revision-order',
    name: 'two writes have one revision',
    apply: (history, draw) => {
      const all = puts(history)
      const [one, other] = [pick(all, draw), pick(all, draw)]
      if (one === other) all.find((each) => each !== one)!.answer.revision = one.answer.revision
      else other.answer.revision = one.answer.revision
    },
  },
  {
    kind: 'metadata-revision-order',
    name: 'a write tells a revision of the past',
    apply: (history) => {
      writeTwice(history)
      append(history, [{ kind: 'put', key: '/other', value: 'x' }], 2, [{ kind: 'put' }])
    },
  },
  {
    kind: 'metadata-fork',
    name: 'a watch shows another value than a read of the same revision',
    apply: (history, draw) => {
      const [first] = writeTwice(history)
      readLate(history, first.key, first)
      const changes = [{ revision: first.modRevision, puts: [{ ...first, value: 'fork' }], deleted: [] }]
      history.watches.push({ client: `c${draw()}`, prefix: '', fromRevision: first.modRevision, changes })
    },
  },
  {
    kind: 'metadata-fork',
    name: 'the past was read in two ways',
    apply: (history) => {
      const [first] = writeTwice(history)
      history.pinned.push(first, { ...first, version: 9 })
    },
  },
  {
    kind: 'metadata-watch-gap',
    name: 'a watch passes over a write',
    apply: (history) => {
      const [first, second] = writeTwice(history)
      const changes = [{ revision: second.modRevision, puts: [second], deleted: [] }]
      history.watches.push({ client: 'c', prefix: '', fromRevision: first.modRevision, changes })
    },
  },
  {
    kind: 'metadata-watch-order',
    name: 'a watch tells a change twice',
    apply: (history) => {
      const [first] = writeTwice(history)
      const change = { revision: first.modRevision, puts: [first], deleted: [] }
      const changes = [change, change]
      history.watches.push({ client: 'c', prefix: '/late', fromRevision: first.modRevision, changes })
    },
  },
]
