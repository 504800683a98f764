import { gzipSync } from 'node:zlib'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root } from '../run-command.ts'

export const clientFolder = join(root, 'packages/client')
/** What the SDK may weigh, compressed: docs/adr/0010-sdk.md. */
export const clientGzipBytesMax = 60 * 1024

/**
 * The published SDK: packages/client/dist/mod.js, one file without dependencies, for Node.js 20 and newer. Only codecs that need
 * a package of their own are looked for when they are used.
 *
 * @returns its size, compressed
 */
export async function bundleClient(): Promise<number> {
  const outfile = join(clientFolder, 'dist/mod.js')
  await build({
    entryPoints: [join(clientFolder, 'src/mod.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    minify: true,
    // Stack traces name functions and classes.
    keepNames: true,
    legalComments: 'none',
    logLevel: 'warning',
  })
  return gzipSync(readFileSync(outfile)).length
}

/** The package.json that users of the SDK get: it contains the wire package instead of depending on it. */
function publishedClientManifest(): Record<string, unknown> {
  const workspace = JSON.parse(readFileSync(join(clientFolder, 'package.json'), 'utf8')) as Record<string, unknown>
  const { private: _private, dependencies: _dependencies, ...kept } = workspace
  return {
    ...kept,
    description:
      'Producers, work queues, consumer groups and requests over the Kafka protocol, for Polylog and Apache Kafka',
    engines: { node: '>=20' },
    sideEffects: false,
    exports: {
      '.': { types: './types/client/src/mod.d.ts', default: './mod.js' },
      './package.json': './package.json',
    },
  }
}

/** Writes it beside the bundle, so that packages/client/dist can be packed as it is. */
export function writeClientManifest(): void {
  writeFileSync(join(clientFolder, 'dist/package.json'), `${JSON.stringify(publishedClientManifest(), undefined, 2)}\n`)
}
