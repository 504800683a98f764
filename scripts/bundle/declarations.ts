import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { root, runCommand } from '../run-command.ts'

const emitTimeLimitSeconds = 120

/**
 * Emits JavaScript and declarations of `@polylog/wire` into its dist/ folder, file by file, and the declarations of `polylog`
 * and `@polylog/client` into dist/types/ of their packages.
 *
 * @throws Error with the compiler's output if it fails
 */
export async function emitLibraries(): Promise<void> {
  const emitted = join(root, 'node_modules/.polylog-emit')
  rmSync(emitted, { recursive: true, force: true })
  const tsc = ['node_modules/.bin/tsc', '-p', 'scripts/bundle/tsconfig.json', '--outDir', emitted]
  const { code, output } = await runCommand(tsc, emitTimeLimitSeconds)
  if (code !== 0) throw new Error(`tsc failed\n${output}`)
  const wire = join(root, 'packages/wire/dist')
  rmSync(wire, { recursive: true, force: true })
  cpSync(join(emitted, 'wire/src'), wire, { recursive: true })
  for (const name of ['broker', 'client']) {
    copyDeclarations(emitted, join(emitted, name, 'src/mod.d.ts'), join(root, 'packages', name, 'dist/types'))
  }
  rmSync(emitted, { recursive: true })
}

/**
 * Copies the declarations that the public ones lead to, and no others. `@polylog/…` becomes a relative path on the way,
 * because the published package stands alone.
 */
function copyDeclarations(from: string, entry: string, to: string): void {
  const queue = [entry]
  const seen = new Set(queue)
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    const folder = dirname(file)
    const text = readFileSync(file, 'utf8').replaceAll(specifiers, (_whole, lead: string, specifier: string) => {
      const target = declarationOf(from, folder, specifier)
      if (target === undefined) return `${lead}'${specifier}'`
      if (!seen.has(target)) queue.push(target)
      seen.add(target)
      const path = relative(folder, target).replace(/\.d\.ts$/, '.js')
      return `${lead}'${path.startsWith('.') ? path : `./${path}`}'`
    })
    const copy = join(to, relative(from, file))
    mkdirSync(dirname(copy), { recursive: true })
    writeFileSync(copy, text)
  }
}

const specifiers = /(\bfrom |\bimport\(|^import )['"]([^'"]+)['"]/gm

/** The emitted file that a specifier means; undefined for what is not ours. */
function declarationOf(emitted: string, folder: string, specifier: string): string | undefined {
  const ours = /^@polylog\/(\w+)(?:\/(\w+))?$/.exec(specifier)
  if (ours === null && !specifier.startsWith('.')) return undefined
  const file =
    ours === null
      ? resolve(folder, specifier.replace(/\.(ts|js)$/, '.d.ts'))
      : join(emitted, ours[1]!, 'src', entryOf(ours[1]!, ours[2]).replace(/\.ts$/, '.d.ts'))
  if (!existsSync(file)) throw new Error(`${specifier}, imported in ${folder}, was not emitted as ${file}`)
  return file
}

/** The source file behind an export of a workspace package, relative to its src/ folder. */
function entryOf(name: string, subpath: string | undefined): string {
  const { exports } = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as {
    exports: Record<string, string>
  }
  const target = exports[subpath === undefined ? '.' : `./${subpath}`]
  if (target === undefined) throw new Error(`packages/${name} exports no ${subpath ?? 'main module'}`)
  return target.replace('./src/', '')
}
