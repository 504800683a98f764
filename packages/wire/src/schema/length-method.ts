import type { Layout } from './layout.ts'

type Counted = 'string' | 'bytes' | 'count'

type LengthMethod<Of extends Counted> =
  | Of
  | `nullable${Capitalize<Of>}`
  | `compact${Capitalize<Of>}`
  | `compactNullable${Capitalize<Of>}`

/** Name of the reader's or writer's method for a length-prefixed type: four wire forms, named alike for all. */
export function lengthMethod<Of extends Counted>(of: Of, nullable: boolean, layout: Layout): LengthMethod<Of> {
  const capital = `${of[0]!.toUpperCase()}${of.slice(1)}` as Capitalize<Of>
  if (layout.flexible) return nullable ? `compactNullable${capital}` : `compact${capital}`
  return nullable ? `nullable${capital}` : of
}
