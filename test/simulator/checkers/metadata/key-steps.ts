import type { MetadataOperation, SeenComparison, SeenKey, SeenResponse, SeenStep } from './metadata-history.ts'

/** What a step of a transaction does to one key, or says about it. */
export type KeyAction =
  | { kind: 'put'; value: string; lease: string }
  | { kind: 'delete'; deleted: number | undefined }
  | { kind: 'see'; seen: SeenKey | undefined }

/** A transaction as far as it concerns one key. */
export interface KeyStep {
  begin: number
  end: number
  client: string
  /** Of the store after it, if that is known. */
  revision: number | undefined
  /** Which branch was taken; undefined: it is not known whether it happened at all. */
  succeeded: boolean | undefined
  guards: readonly SeenComparison[]
  /** Whether it compares other keys too: then these may have decided. */
  hasOtherGuards: boolean
  then: readonly KeyAction[]
  otherwise: readonly KeyAction[]
}

export function isWrite(step: KeyStep): boolean {
  const actions = step.succeeded === false ? step.otherwise : step.then
  return actions.some(({ kind }) => kind !== 'see')
}

/** All operations that touch a key, for each key that any of them names, in the order in which they began. */
export function stepsByKey(operations: readonly MetadataOperation[]): Map<string, KeyStep[]> {
  const keys = new Set<string>()
  for (const operation of operations) for (const key of keysOf(operation)) keys.add(key)
  const steps = new Map<string, KeyStep[]>()
  for (const key of keys) steps.set(key, [])
  for (const operation of operations.toSorted((one, other) => one.begin - other.begin)) {
    for (const key of touchedBy(operation, keys)) {
      const step = stepOn(key, operation)
      if (step !== undefined) steps.get(key)!.push(step)
    }
  }
  return steps
}

function* keysOf({ compare, then, otherwise, answer }: MetadataOperation): Iterable<string> {
  for (const { key } of compare) yield key
  for (const step of [...then, ...otherwise]) if ('key' in step) yield step.key
  for (const response of answer?.responses ?? []) {
    if (response.kind === 'range') for (const { key } of response.keyValues) yield key
  }
}

/** Prefixes touch every key under them that is known from anywhere. */
function touchedBy(operation: MetadataOperation, keys: ReadonlySet<string>): Iterable<string> {
  const prefixes = [...operation.then, ...operation.otherwise].flatMap((step) => ('prefix' in step ? step.prefix : []))
  const touched = new Set(keysOf(operation))
  if (prefixes.length > 0) {
    for (const key of keys) if (prefixes.some((prefix) => key.startsWith(prefix))) touched.add(key)
  }
  return touched
}

function stepOn(key: string, operation: MetadataOperation): KeyStep | undefined {
  const { begin, end, client, compare, answer } = operation
  const guards = compare.filter((each) => each.key === key)
  const hasOtherGuards = guards.length < compare.length
  const facts = { begin, client, guards, hasOtherGuards }
  if (answer === undefined) {
    const then = actionsOn(key, operation.then, undefined).filter(({ kind }) => kind !== 'see')
    const otherwise = actionsOn(key, operation.otherwise, undefined).filter(({ kind }) => kind !== 'see')
    // What only reads and got no answer says nothing.
    if (then.length === 0 && otherwise.length === 0) return undefined
    return { ...facts, end: Infinity, revision: undefined, succeeded: undefined, then, otherwise }
  }
  const { succeeded, revision, responses } = answer
  const actions = actionsOn(key, succeeded ? operation.then : operation.otherwise, responses)
  const [then, otherwise] = succeeded ? [actions, []] : [[], actions]
  return { ...facts, end, revision, succeeded, then, otherwise }
}

function actionsOn(
  key: string,
  steps: readonly SeenStep[],
  responses: readonly SeenResponse[] | undefined,
): KeyAction[] {
  return steps.flatMap((step, index) => actionOn(key, step, responses?.[index]) ?? [])
}

function actionOn(key: string, step: SeenStep, response: SeenResponse | undefined): KeyAction | undefined {
  if ('key' in step && step.key !== key) return undefined
  if ('prefix' in step && !key.startsWith(step.prefix)) return undefined
  if (step.kind === 'put') return { kind: 'put', value: step.value, lease: step.lease ?? '0' }
  if (step.kind === 'delete') {
    return { kind: 'delete', deleted: response?.kind === 'delete' ? response.deleted : undefined }
  }
  if (step.kind === 'delete-prefix') return { kind: 'delete', deleted: undefined }
  if (response?.kind === 'get') return { kind: 'see', seen: response.keyValue }
  if (response?.kind !== 'range') return { kind: 'see', seen: undefined }
  const seen = response.keyValues.find((each) => each.key === key)
  // What a limit has cut off was not seen.
  return seen === undefined && response.more ? undefined : { kind: 'see', seen }
}
