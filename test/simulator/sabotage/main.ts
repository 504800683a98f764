/**
 * `node test/simulator/sabotage/main.ts [--seeds N] [--brokers N] [TEXT]`: puts each bug into the broker whose name has TEXT in it, one at a time, and
 * says after how many seeds the simulator has found it. Exit code 1 if one was not found.
 */
import { parseArgs } from 'node:util'
import { findSabotage } from './find.ts'
import { sabotages } from './sabotages.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seeds: { type: 'string', default: '20' } },
})
const wanted = positionals[0] ?? ''
for (const sabotage of sabotages.filter(({ name }) => name.includes(wanted))) {
  const startMs = performance.now()
  const caught = await findSabotage(sabotage, Number(values.seeds))
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
  if (caught === undefined) process.exitCode = 1
  console.log(
    `${caught === undefined ? 'NOT FOUND' : `seed ${caught.seed}`} | ${sabotage.name} | ${sabotage.source} | ${caught?.kinds.join(', ') ?? ''} | ${seconds} s`,
  )
  if (caught !== undefined) console.log(`    ${caught.detail}`)
}
