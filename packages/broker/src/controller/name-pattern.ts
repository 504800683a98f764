import { parsePattern, PatternSyntaxError } from './pattern-syntax.ts'
import type { CharacterSet, PatternNode } from './pattern-syntax.ts'

type Instruction =
  | { readonly kind: 'characters'; readonly set: CharacterSet; readonly next: number }
  | { readonly kind: 'either'; readonly first: number; readonly second: number }
  | { readonly kind: 'start'; readonly next: number }
  | { readonly kind: 'end'; readonly next: number }
  | { readonly kind: 'lookahead'; readonly program: Program; readonly negative: boolean; readonly next: number }
  | { readonly kind: 'match' }

interface Program {
  readonly instructions: readonly Instruction[]
  readonly entry: number
}

/** Most states of one pattern: with names of at most 255 characters a match takes a fraction of a millisecond. */
const instructionCountMax = 1000
/** Repetitions of something empty make no states, but take time all the same. */
const stepCountMax = 10_000
const tooLarge = `is too large: its repetitions make more than ${instructionCountMax} states`

/**
 * A regular expression on names that takes time in proportion to its size times the length of the name, whatever both
 * are. JavaScript's own engine backtracks: one policy with `(a+)+$` would stop the broker for hours (ReDoS). This one
 * follows all ways through the pattern at once (Thompson 1968).
 *
 * Example: `NamePattern.parse('^orders\\.').matches('orders.eu') === true`. Unanchored, as in RabbitMQ.
 */
export class NamePattern {
  readonly #program: Program

  private constructor(program: Program) {
    this.#program = program
  }

  /** @throws PatternSyntaxError */
  static parse(text: string): NamePattern {
    const budget = { instructions: instructionCountMax, steps: stepCountMax }
    return new NamePattern(compile(parsePattern(text), budget))
  }

  /** Whether the pattern is found anywhere in the name. */
  matches(name: string): boolean {
    const points = Array.from(name, (character) => character.codePointAt(0)!)
    return run(this.#program, points, true)
  }
}

interface Budget {
  instructions: number
  steps: number
}

/** Made from the end to the start, so that each instruction knows what follows it. */
function compile(node: PatternNode, budget: Budget): Program {
  const instructions: Instruction[] = []
  const add = (instruction: Instruction): number => {
    if (--budget.instructions < 0) throw new PatternSyntaxError(tooLarge)
    return instructions.push(instruction) - 1
  }
  const emit = (part: PatternNode, next: number): number => {
    if (--budget.steps < 0) throw new PatternSyntaxError(tooLarge)
    switch (part.kind) {
      case 'characters':
        return add({ kind: 'characters', set: part.set, next })
      case 'start':
      case 'end':
        return add({ kind: part.kind, next })
      case 'lookahead':
        return add({ kind: 'lookahead', program: compile(part.part, budget), negative: part.negative, next })
      case 'sequence':
        return part.parts.reduceRight((after, each) => emit(each, after), next)
      case 'choice':
        return part.options
          .map((option) => emit(option, next))
          .reduceRight((second, first) => add({ kind: 'either', first, second }))
      case 'repeat':
        return emitRepeat(part, next)
    }
  }
  const emitRepeat = (repeat: PatternNode & { kind: 'repeat' }, next: number): number => {
    let at = next
    if (repeat.max === Number.POSITIVE_INFINITY) {
      // A loop is an instruction that comes back to itself, so its place is taken before its body is known.
      const loop = add({ kind: 'match' })
      instructions[loop] = { kind: 'either', first: emit(repeat.part, loop), second: next }
      at = loop
    } else {
      for (let i = repeat.min; i < repeat.max; i++)
        at = add({ kind: 'either', first: emit(repeat.part, at), second: next })
    }
    for (let i = 0; i < repeat.min; i++) at = emit(repeat.part, at)
    return at
  }
  const end = add({ kind: 'match' })
  return { instructions, entry: emit(node, end) }
}

/** @param anywhere whether a match may begin after the start of the name */
function run({ instructions, entry }: Program, points: readonly number[], anywhere: boolean): boolean {
  let present = new Set<number>()
  for (let at = 0; at <= points.length; at++) {
    if (at === 0 || anywhere) follow(instructions, entry, present, points, at)
    const next = new Set<number>()
    for (const index of present) {
      const instruction = instructions[index]!
      if (instruction.kind === 'match') return true
      if (at === points.length || instruction.kind !== 'characters') continue
      if (contains(instruction.set, points[at]!)) follow(instructions, instruction.next, next, points, at + 1)
    }
    present = next
  }
  return false
}

/** Adds everything that can be reached from `entry` without reading a character. */
function follow(
  instructions: readonly Instruction[],
  entry: number,
  reached: Set<number>,
  points: readonly number[],
  at: number,
): void {
  const open = [entry]
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (reached.has(index)) continue
    reached.add(index)
    const instruction = instructions[index]!
    switch (instruction.kind) {
      case 'either':
        open.push(instruction.second, instruction.first)
        break
      case 'start':
        if (at === 0) open.push(instruction.next)
        break
      case 'end':
        if (at === points.length) open.push(instruction.next)
        break
      case 'lookahead':
        // Always behind "^", so this is the start of the name.
        if (run(instruction.program, points, false) !== instruction.negative) open.push(instruction.next)
        break
      case 'characters':
      case 'match':
        break
    }
  }
}

function contains({ ranges, negative }: CharacterSet, point: number): boolean {
  return ranges.some(([low, high]) => point >= low && point <= high) !== negative
}
