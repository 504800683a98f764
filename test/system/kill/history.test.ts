import { deepEqual, match } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findAnomalies } from './history.ts'
import type { History } from './history.ts'

const at = (value: string, offset: number, key = 'a', partition = 0) => ({ key, value, partition, offset })
const clean: History = {
  refusals: [],
  acknowledged: [at('x#1', 0), at('x#2', 1)],
  readWhile: [at('x#1', 0), at('x#1', 0), at('x#2', 1)],
  readAfter: [at('x#1', 0), at('x#2', 1), at('x#3', 2)],
  committed: [new Map([[0, 1]]), new Map([[0, 1]]), new Map([[0, 2]])],
}

describe('checker of kill histories', () => {
  it('finds nothing in a history without fault', () => deepEqual(findAnomalies(clean), []))

  const corrupted: Record<string, Partial<History>> = {
    'refused: out of order': { refusals: ['out of order'] },
    'lost: x#2': { readAfter: [at('x#1', 0)], readWhile: [] },
    'lost: x#1 was acknowledged at 0:0, where there is x#3': { readAfter: [at('x#3', 0), at('x#2', 1)], readWhile: [] },
    'duplicate: x#2 at 0:1 and 0:2': { readAfter: [at('x#1', 0), at('x#2', 1), at('x#2', 2)] },
    'changed: a reader was given 0:2 x#9, now there is x#3': { readWhile: [at('x#9', 2)] },
    'changed: a reader was given 0:7 x#9, now there is nothing': { readWhile: [at('x#9', 7)] },
    'order: x#2 at 0:2 lies behind x#4': {
      acknowledged: [],
      readWhile: [],
      readAfter: [at('x#4', 1), at('x#2', 2)],
    },
    'order: a is in two partitions': { readAfter: [...clean.readAfter, at('x#4', 0, 'a', 1)] },
    'commit: partition 0 went from 2 to 1 over kill 1': { committed: [new Map([[0, 2]]), new Map([[0, 1]])] },
    'commit: partition 0 went from 2 to nothing over kill 1': { committed: [new Map([[0, 2]]), new Map()] },
  }
  for (const [expected, corruption] of Object.entries(corrupted)) {
    it(`finds "${expected}"`, () => match(findAnomalies({ ...clean, ...corruption }).join('\n'), new RegExp(expected)))
  }
})
