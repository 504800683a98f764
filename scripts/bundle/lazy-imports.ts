import { isBuiltin } from 'node:module'
import type { Plugin } from 'esbuild'

/** Gives the bundle the `require` that the modules below call. */
export const requireBanner =
  "import{createRequire as polylogRequire}from'node:module';const require=polylogRequire(import.meta.url);"

/**
 * Loads Node's modules and installed packages when the first module of ours that imports them runs. Without this,
 * esbuild moves every `import` of them to the head of the file, and each start pays for what only one command needs
 * (`yaml` alone is 40 ms). `import()` is left as it is.
 */
export function lazyImports(packages: readonly string[]): Plugin {
  const isOutside = (path: string): boolean => isBuiltin(path) || packages.includes(path)
  return {
    name: 'lazy-imports',
    setup(bundler) {
      bundler.onResolve({ filter: /^[^.]/ }, ({ path, kind, namespace }) => {
        if (!isOutside(path)) return undefined
        return namespace === 'lazy' || kind !== 'import-statement'
          ? { path, external: true }
          : { path, namespace: 'lazy' }
      })
      // A CommonJS module is evaluated at its first use, which an ES module of an `import` statement is not.
      bundler.onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({
        contents: `module.exports = require(${JSON.stringify(path)})`,
      }))
    },
  }
}
