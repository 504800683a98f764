/** The parts of a package.json that publishing changes. */
export interface Manifest {
  readonly name: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

/**
 * The package.json that users get. In the checkout `polylog` resolves to its source; what is published resolves to
 * dist/, contains its workspace packages instead of depending on them, and has no scripts.
 */
export function publishedManifest(workspace: Manifest): Manifest {
  const { scripts: _scripts, devDependencies: _devDependencies, ...kept } = workspace
  const dependencies = Object.entries(kept.dependencies).filter(([name]) => !name.startsWith('@polylog/'))
  return {
    ...kept,
    bin: { polylog: 'dist/polylog.js' },
    exports: {
      '.': { types: './dist/types/broker/src/mod.d.ts', default: './dist/mod.js' },
      './package.json': './package.json',
    },
    files: ['dist'],
    dependencies: Object.fromEntries(dependencies),
  }
}
