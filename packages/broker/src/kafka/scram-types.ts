import type { ScramMechanism } from '../image/user.ts'

/** Numbers of the mechanisms in the APIs about credentials (KIP-554). */
const types: readonly (readonly [type: number, mechanism: ScramMechanism])[] = [
  [1, 'SCRAM-SHA-256'],
  [2, 'SCRAM-SHA-512'],
]

export function scramTypeOf(mechanism: ScramMechanism): number {
  return types.find(([, each]) => each === mechanism)![0]
}

/** Undefined for a number that means nothing. */
export function scramMechanismOf(type: number): ScramMechanism | undefined {
  return types.find(([each]) => each === type)?.[1]
}
