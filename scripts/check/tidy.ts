import { existsSync, globSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { root } from '../run-command.ts'

/** Rules of STYLE.md that no other tool checks. Each finding is one line: file, line, what is wrong. */
export async function findUntidy(): Promise<readonly string[]> {
  const files = globSync('{packages/*/{src,golden},test,bench,scripts,examples}/**/*.{ts,mjs}', { cwd: root })
    .filter((file) => !file.includes('node_modules'))
    .toSorted()
  const found = files.flatMap((file) => untidyLines(file, readFileSync(join(root, file), 'utf8')))
  return [...found, ...untidyFolders(files), ...untidyLayers(), ...untidyManifest()]
}

/** The words are split, so that this file passes its own rule. */
const bannedWords = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`)
const bannedText: readonly (readonly [RegExp, string])[] = [
  [bannedWords, 'unfinished work has no place in the tree: finish it, or say it in an issue'],
  [/^\s*import\s+\{[^}]*\btype\s+\w/, 'a type import stands on its own line: `import type { … }`'],
  [/^\s*export\s+\{[^}]*\btype\s+\w.*\bfrom\b/, 'a type export stands on its own line: `export type { … } from`'],
  [/@ts-(ignore|nocheck)\b/, 'use @ts-expect-error with a reason, or fix the type'],
  [/\b(describe|it|test|suite)\.only\(/, 'a focused test hides all the others'],
  [/^(before|after)(Each)?\(/, 'a hook outside of `describe` runs for the tests of all files that share the process'],
  [/\bmock\.module\(/, 'fakes that pass the contract suite, not mocked modules'],
  [/^\s*(?:import|export|\}).*\bfrom '\.{1,2}\/[^']*(?<!\.(ts|mjs|json))'/, 'relative imports carry the .ts extension'],
]

export function untidyLines(file: string, text: string): string[] {
  const found: string[] = []
  for (const [index, line] of text.split('\n').entries()) {
    for (const [pattern, why] of bannedText) {
      if (pattern.test(line)) found.push(`${file}:${index + 1} ${why}`)
    }
  }
  return found
}

const vagueNames = /(^|\/)(utils?|common|misc|helpers?|services?|shared|lib)(\/|\.ts$)/

/** The first folder listing explains the system: no drawer for what did not find a name. `kafka/services.ts` has one. */
export function untidyFolders(files: readonly string[]): string[] {
  return files
    .filter((file) => vagueNames.test(file) && !file.endsWith('kafka/services.ts'))
    .map((file) => `${file} says nothing about what is inside: name it after its one job`)
}

/** A layer that is gone must leave the table too; a folder that is new is found by dependency-cruiser itself. */
function untidyLayers(): string[] {
  const { forbidden } = createRequire(import.meta.url)(join(root, '.dependency-cruiser.cjs')) as {
    forbidden: readonly { name: string }[]
  }
  return forbidden
    .flatMap(({ name }) => (name.endsWith('-imports-only') ? [name.replace('-imports-only', '')] : []))
    .filter((layer) => !existsSync(join(root, 'packages/broker/src', layer)))
    .map((layer) => `.dependency-cruiser.cjs: packages/broker/src/${layer} does not exist`)
}

/** `npm pack` swaps packages/broker/package.json while it runs; one that was killed in between leaves it swapped. */
function untidyManifest(): string[] {
  return existsSync(join(root, 'packages/broker/package.workspace.json'))
    ? ['packages/broker/package.json is the published one: `node scripts/bootstrap.mjs postpack` puts ours back']
    : []
}
