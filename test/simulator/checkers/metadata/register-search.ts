import { isWrite } from './key-steps.ts'
import type { KeyStep } from './key-steps.ts'
import { keyOfRegister, outcomesOf } from './register.ts'
import type { Register } from './register.ts'

export type Verdict = { kind: 'linearizable' } | { kind: 'undecided' } | { kind: 'wrong'; stuckAt: KeyStep }

/** An order of some of the steps, as far as it matters for what may follow. */
interface Node {
  /** All answered steps before this one are placed. */
  first: number
  /** Answered steps behind it that are placed, ascending. */
  beyond: readonly number[]
  /** Unanswered steps that are placed, ascending. */
  used: readonly number[]
  register: Register | undefined
  /** Highest revision told by a step that is placed. */
  floor: number
}

const lease = { none: '0' }

/**
 * Looks for an order of the steps of one key in which each sees what those before it have left, none comes before one
 * that had ended when it began, and revisions never fall (Wing and Gong's search with Lowe's memory of what was tried).
 * A step without an answer may stand anywhere after it began, or nowhere; a key with a lease may vanish at any moment.
 *
 * @param steps in the order in which they began
 * @param workMax nodes that are looked at before it gives up
 */
export function search(steps: readonly KeyStep[], workMax: number): Verdict {
  const answered = steps.filter(({ succeeded }) => succeeded !== undefined)
  const unanswered = steps.filter(({ succeeded }) => succeeded === undefined)
  const seen = new Set<string>()
  const open: Node[] = [{ first: 0, beyond: [], used: [], register: undefined, floor: 0 }]
  let furthest = 0
  for (let work = 0; work < workMax; work += 1) {
    const node = open.pop()
    if (node === undefined) return { kind: 'wrong', stuckAt: answered[furthest]! }
    if (node.first === answered.length) return { kind: 'linearizable' }
    furthest = Math.max(furthest, node.first)
    const key = `${node.first};${node.beyond.join()};${node.used.join()};${node.floor};${keyOfRegister(node.register)}`
    if (seen.has(key)) continue
    seen.add(key)
    expand(node, answered, unanswered, open)
  }
  return { kind: 'undecided' }
}

/** Pushes what may come next, the likeliest last. */
function expand(node: Node, answered: readonly KeyStep[], unanswered: readonly KeyStep[], open: Node[]): void {
  const { candidates, endMin } = windowOf(node, answered)
  const next: Node[] = []
  for (const index of candidates) {
    const step = answered[index]!
    for (const register of outcomesOf(step, node.register, node.floor)) {
      const placed = place(node, index, register, step.revision, answered)
      // A step that only reads, fits as things are and tells nothing new can do no harm where it is: nothing else need be tried.
      const isHarmless = register === node.register && placed.floor === node.floor && !isWrite(step)
      if (isHarmless) return void open.push(placed)
      next.push(placed)
    }
  }
  if (node.register !== undefined && node.register.lease !== lease.none) open.push({ ...node, register: undefined })
  for (let index = unanswered.length - 1; index >= 0; index -= 1) {
    const step = unanswered[index]!
    if (step.begin >= endMin || node.used.includes(index)) continue
    const used = [...node.used, index].sort((one, other) => one - other)
    for (const register of outcomesOf(step, node.register, node.floor)) {
      if (register !== undefined || node.register !== undefined) open.push({ ...node, used, register })
    }
  }
  open.push(...next.reverse())
}

/** Steps that may be the next: they began before any that is not placed has ended. */
function windowOf(node: Node, answered: readonly KeyStep[]): { candidates: number[]; endMin: number } {
  const present: number[] = []
  let endMin = Infinity
  for (let index = node.first; index < answered.length; index += 1) {
    const step = answered[index]!
    if (step.begin >= endMin) break
    if (node.beyond.includes(index)) continue
    present.push(index)
    endMin = Math.min(endMin, step.end)
  }
  let revisionMin = Infinity
  let isWritten = false
  for (const index of present) {
    const { revision = Infinity } = answered[index]!
    if (revision < revisionMin) isWritten = false
    revisionMin = Math.min(revisionMin, revision)
    if (revision === revisionMin && isWrite(answered[index]!)) isWritten = true
  }
  // Of those that tell a revision the lowest comes first, and of those with the same the one that made it.
  const candidates = present.filter((index) => {
    const step = answered[index]!
    if (step.revision === undefined) return true
    return step.revision === revisionMin && (!isWritten || isWrite(step))
  })
  return { candidates: candidates.filter((index) => answered[index]!.begin < endMin), endMin }
}

function place(
  node: Node,
  index: number,
  register: Register | undefined,
  revision: number | undefined,
  answered: readonly KeyStep[],
): Node {
  const beyond = [...node.beyond, index].sort((one, other) => one - other)
  let { first } = node
  while (beyond[0] === first && first < answered.length) {
    beyond.shift()
    first += 1
  }
  return { first, beyond, used: node.used, register, floor: Math.max(node.floor, revision ?? 0) }
}
