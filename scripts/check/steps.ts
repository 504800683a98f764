import { findUntidy } from './tidy.ts'

/** One line of `npm run check`: a command of ours or of node_modules, or a function that returns what it found. */
export interface Step {
  readonly name: string
  readonly run: readonly string[] | (() => Promise<readonly string[]>)
}

const bin = (name: string): string => `node_modules/.bin/${name}`

/** The longest come first, so that the short ones fill the other core. */
export const steps: readonly Step[] = [
  {
    name: 'layers',
    run: [bin('depcruise'), '--config', '.dependency-cruiser.cjs', 'packages', 'test', 'bench', 'scripts'],
  },
  { name: 'lint', run: [bin('oxlint'), '--type-aware'] },
  { name: 'types', run: [bin('tsc'), '-p', 'tsconfig.json'] },
  { name: 'unused', run: [bin('knip'), '--no-config-hints', '--no-progress'] },
  { name: 'format', run: [bin('biome'), 'format'] },
  { name: 'tidy', run: findUntidy },
]
