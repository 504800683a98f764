// `npm run properties`: the property tests again and again, each round with a seed of its own.
//   npm run properties -- --rounds 20 [--seed 1]
// Prints what failed with the seed of its round; fast-check adds the path of the smallest example.
import { globSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { root, runCommand } from './run-command.ts'
import { testCommand } from './test/test-command.ts'
import { countsIn } from './test/verdict.ts'

const roundTimeLimitSeconds = 600

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
  },
})
const roundCount = Number(values.rounds)
const firstSeed = Number(values.seed)
if (!Number.isSafeInteger(roundCount) || roundCount < 1 || !Number.isSafeInteger(firstSeed)) {
  console.error('properties: --rounds and --seed are whole numbers')
  process.exit(2)
}

/** Test files that draw from fast-check. */
const files = globSync(['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'], {
  cwd: root,
  exclude: ['**/node_modules/**'],
})
  .filter((file) => readFileSync(`${root}/${file}`, 'utf8').includes("from 'fast-check'"))
  .toSorted()
if (files.length === 0) throw new Error('no test file uses fast-check')

let failedCount = 0
for (let round = 0; round < roundCount; round++) {
  const seed = firstSeed + round
  const result = await runCommand(testCommand(files, { isolated: false }), roundTimeLimitSeconds, {
    POLYLOG_TEST_SEED: String(seed),
  })
  const { passed } = countsIn(result.output)
  const isGood = result.code === 0 && passed > 0
  console.log(`${isGood ? 'ok  ' : 'FAIL'} seed ${seed}: ${passed} tests in ${result.seconds.toFixed(1)} s`)
  if (isGood) continue
  failedCount++
  console.log(result.output)
}
console.log(`${roundCount} rounds from seed ${firstSeed}, ${failedCount} failed`)
process.exitCode = failedCount === 0 ? 0 : 1
