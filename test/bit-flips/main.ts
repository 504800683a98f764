// npm run bit-flips -- [--share 0.1] [--flip MOMENT:PATH:POSITION:BIT]
import process from 'node:process'
import { parseArgs } from 'node:util'
import type { Flip, FlipResult, MomentName } from './flips.ts'
import { allFlips, flipCount, tryFlips } from './flips.ts'
import { makeGolden } from './golden.ts'

const failuresMax = 20

const { values } = parseArgs({
  options: { share: { type: 'string', default: '1' }, flip: { type: 'string' } },
})

const golden = await makeGolden()
const startMs = performance.now()
let shownMs = 0
const stride = Math.max(1, Math.round(1 / Number(values.share)))
const total = values.flip === undefined ? Math.ceil(flipCount(golden) / stride) : 1
const flips = values.flip === undefined ? every(allFlips(golden), stride) : [parseFlip(values.flip)]
const result = await tryFlips(golden, flips, { failuresMax, progress: showProgress })
report(result)
process.exitCode = result.failures.length > 0 ? 1 : 0

function* every(all: Iterable<Flip>, step: number): Generator<Flip> {
  let index = 0
  for (const flip of all) if (index++ % step === 0) yield flip
}

function parseFlip(text: string): Flip {
  const [moment, path, position, bit] = text.split(':')
  return { moment: moment as MomentName, path: path!, position: Number(position), bit: Number(bit) }
}

function report({ counts, failures }: FlipResult): void {
  for (const { flip, message } of failures) {
    say(`FAILED: npm run bit-flips -- --flip ${flip.moment}:${flip.path}:${flip.position}:${flip.bit}\n  ${message}`)
  }
  const tried = counts.same + counts.detected + counts.torn + failures.length
  const seconds = (performance.now() - startMs) / 1000
  say(`${tried} bits in ${seconds.toFixed(0)} s: ${counts.same} harmless, ${counts.detected} detected,`)
  say(
    `${counts.torn} in the last group before anything shows that it was synced, kept aside; ${failures.length} missed`,
  )
}

function showProgress(tried: number): void {
  if (!process.stderr.isTTY || performance.now() - shownMs < 200) return
  shownMs = performance.now()
  process.stderr.write(`\r${tried} of ${total} bits, ${Math.round(tried / ((shownMs - startMs) / 1000))} per second `)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
