import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BuildOptions } from 'esbuild'
import { build } from 'esbuild'
import { root } from '../run-command.ts'
import { lazyImports, requireBanner } from './lazy-imports.ts'

const broker = join(root, 'packages/broker')

/** Packages that the published one depends on: they are installed beside it. All else of ours becomes part of the file. */
function externalPackages(): string[] {
  const { dependencies } = JSON.parse(readFileSync(join(broker, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  return Object.keys(dependencies).filter((name) => !name.startsWith('@polylog/'))
}

const shared: BuildOptions = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24.12',
  // One file each: reading many small modules is most of what a start from source costs. A command that is loaded on
  // demand is in the file too, as a function that runs when it is asked for.
  splitting: false,
  logLevel: 'warning',
}

/**
 * What runs first: from the second start on V8 takes the compiled code from a file. It is kept beside the program and not
 * in the temporary directory, Node's default, where another user could put code of his. Without the right to write there
 * nothing is kept and nothing said.
 */
const startScript = `#!/usr/bin/env node
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'
enableCompileCache(join(import.meta.dirname, '.compile-cache'))
await import('./command.js')
`

/** The `polylog` command: dist/polylog.js, which loads dist/command.js, minified, because it is parsed at the first start. */
export async function bundleCommand(): Promise<void> {
  const outfile = join(broker, 'dist/command.js')
  await build({
    ...shared,
    plugins: [lazyImports(externalPackages())],
    banner: { js: requireBanner },
    entryPoints: [join(broker, 'src/main.ts')],
    outfile,
    minify: true,
    // Stack traces and metrics name functions and classes.
    keepNames: true,
    legalComments: 'none',
  })
  const start = join(broker, 'dist/polylog.js')
  writeFileSync(start, startScript)
  chmodSync(start, 0o755)
}

/** What `import 'polylog'` loads: dist/mod.js, readable, because it shows up in the stack traces of others. */
export async function bundleLibrary(): Promise<void> {
  await build({
    ...shared,
    external: externalPackages(),
    entryPoints: [join(broker, 'src/mod.ts')],
    outfile: join(broker, 'dist/mod.js'),
  })
}
