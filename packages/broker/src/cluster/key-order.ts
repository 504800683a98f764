import type { ComparisonOperator } from './metadata-store.ts'

/**
 * Orders two well-formed strings as their UTF-8 bytes are ordered: negative, zero or positive. JavaScript's own order is
 * that of UTF-16 units, which puts characters beyond U+FFFF before U+E000 to U+FFFF.
 */
export function compareText(left: string, right: string): number {
  const length = Math.min(left.length, right.length)
  for (let index = 0; index < length; index++) {
    const leftUnit = left.charCodeAt(index)
    const rightUnit = right.charCodeAt(index)
    if (leftUnit !== rightUnit) return rankOf(leftUnit) - rankOf(rightUnit)
  }
  return left.length - right.length
}

/** Whether `order` (the result of a three-way comparison) satisfies `operator`. */
export function orderHolds(order: number, operator: ComparisonOperator): boolean {
  switch (operator) {
    case '=':
      return order === 0
    case '!=':
      return order !== 0
    case '<':
      return order < 0
    case '>':
      return order > 0
  }
}

function rankOf(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit
}
