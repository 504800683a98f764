import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { requirements } from './table.ts'

/** The longest takes some ten seconds; what takes longer than this hangs, however slow the machine. */
const timeLimitMs = 90_000

/** Registers the test that shows a requirement, under its id and sentence. */
export function requirement(id: string, show: (context: TestContext) => Promise<void>): void {
  const known = requirements[id]
  if (known?.file === undefined) throw new Error(`table.ts has no requirement ${id} with a test`)
  void test(`${id} ${known.sentence}`, { timeout: timeLimitMs }, show)
}
