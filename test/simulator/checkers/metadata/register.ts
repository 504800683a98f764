import type { KeyAction, KeyStep } from './key-steps.ts'
import type { SeenComparison, SeenKey } from './metadata-history.ts'

/** A revision that nobody has told. */
const untold = -1

/** What may be stored under one key at one moment of a search; undefined: nothing. */
export interface Register {
  value: string
  lease: string
  version: number
  createRevision: number
  modRevision: number
  /** Where `modRevision` is untold: it is greater than this. */
  after: number
}

export function keyOfRegister(register: Register | undefined): string {
  return register === undefined ? '' : JSON.stringify(Object.values(register))
}

/** What the key may hold after a step, for each way in which the step may have happened now; empty: it cannot have. */
export function outcomesOf(step: KeyStep, register: Register | undefined, floor: number): (Register | undefined)[] {
  const { succeeded, then, otherwise, hasOtherGuards, revision } = step
  // At the revision that an answer tells, nothing may have been stored later.
  if (revision !== undefined && register !== undefined && leastRevision(register) > revision) return []
  const outcomes: (Register | undefined)[] = []
  if (succeeded !== false) {
    for (const held of holding(step.guards, register)) outcomes.push(...afterActions(then, held, step, floor))
  }
  const mayFail = hasOtherGuards || !surelyHold(step.guards, register)
  // What did not happen and what changed nothing look alike.
  if (succeeded === false || (succeeded === undefined && otherwise.length > 0)) {
    if (mayFail) outcomes.push(...afterActions(otherwise, register, step, floor))
  }
  return outcomes
}

function leastRevision({ modRevision, after }: Register): number {
  return modRevision === untold ? after + 1 : modRevision
}

function afterActions(
  actions: readonly KeyAction[],
  before: Register | undefined,
  step: KeyStep,
  floor: number,
): (Register | undefined)[] {
  let register = before
  for (const action of actions) {
    if (action.kind === 'put') register = put(register, action, step.revision ?? untold, floor)
    else if (action.kind === 'delete') {
      if (action.deleted !== undefined && action.deleted > 0 !== (register !== undefined)) return []
      register = undefined
    } else {
      const seen = see(register, action.seen)
      if (seen === 'other') return []
      register = seen
    }
  }
  return [register]
}

function put(
  before: Register | undefined,
  { value, lease }: { value: string; lease: string },
  revision: number,
  floor: number,
): Register {
  const version = (before?.version ?? 0) + 1
  const createRevision = before === undefined ? revision : before.createRevision
  return { value, lease, version, createRevision, modRevision: revision, after: revision === untold ? floor : 0 }
}

/** The register once it is known that it looks like `seen`. */
function see(register: Register | undefined, seen: SeenKey | undefined): Register | undefined | 'other' {
  if (register === undefined || seen === undefined) return register === seen ? undefined : 'other'
  const { value, lease, version, createRevision, modRevision } = seen
  if (value !== register.value || lease !== register.lease || version !== register.version) return 'other'
  const told = bind(register, 'modRevision', modRevision)
  return (told && bind(told, 'createRevision', createRevision)) ?? 'other'
}

/** The register if that revision of it is `revision`, or may be. */
function bind(register: Register, target: 'createRevision' | 'modRevision', revision: number): Register | undefined {
  if (register[target] !== untold) return register[target] === revision ? register : undefined
  if (revision <= 0 || (target === 'modRevision' && revision <= register.after)) return undefined
  const isFirst = register.version === 1
  if (isFirst && revision <= register.after) return undefined
  if (isFirst) return { ...register, createRevision: revision, modRevision: revision, after: 0 }
  return { ...register, [target]: revision, after: target === 'modRevision' ? 0 : register.after }
}

/** The register if all comparisons hold of it, or may. */
function holding(guards: readonly SeenComparison[], register: Register | undefined): (Register | undefined)[] {
  let held = register
  for (const guard of guards) {
    const target = guard.target
    if (held !== undefined && isUntold(held, guard)) {
      if (guard.operator !== '=') continue
      const told = bind(held, target as 'createRevision' | 'modRevision', guard.value as number)
      if (told === undefined) return []
      held = told
    } else if (!compares(guard, held)) return []
  }
  return [held]
}

function surelyHold(guards: readonly SeenComparison[], register: Register | undefined): boolean {
  return guards.every((guard) => !(register !== undefined && isUntold(register, guard)) && compares(guard, register))
}

function isUntold(register: Register, { target }: SeenComparison): boolean {
  return (target === 'modRevision' || target === 'createRevision') && register[target] === untold
}

/** As etcd: what is missing counts as 0, and no comparison of its value holds. */
function compares({ target, operator, value }: SeenComparison, register: Register | undefined): boolean {
  if (target === 'value' && register === undefined) return false
  if (target === 'value') return ordered(compareText(register!.value, String(value)), operator)
  if (target === 'lease') {
    const difference = BigInt(register?.lease ?? 0) - BigInt(value)
    return ordered(difference < 0n ? -1 : difference > 0n ? 1 : 0, operator)
  }
  return ordered((register?.[target] ?? 0) - Number(value), operator)
}

function compareText(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other))
}

function ordered(difference: number, operator: SeenComparison['operator']): boolean {
  if (operator === '=') return difference === 0
  if (operator === '!=') return difference !== 0
  return operator === '<' ? difference < 0 : difference > 0
}
