import { createRequire, isBuiltin } from 'node:module'
import type { Plugin } from 'esbuild'

/** Gives the bundle the `require` that the modules below call. */
export const requireBanner =
  "import{createRequire as polylogRequire}from'node:module';const require=polylogRequire(import.meta.url);"

const require = createRequire(import.meta.url)

/**
 * Loads Node's modules and installed packages when one of their exports is first touched. Without this, esbuild moves every
 * `import` of them to the head of the file, and each start pays for what only one command, or only the first large batch,
 * needs (`yaml` alone is 40 ms, `node:crypto` 15). `import()` is left as it is.
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
      bundler.onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({ contents: touchedModule(path) }))
    },
  }
}

/** A CommonJS module with a getter for each export: esbuild turns each use of an import into such an access. */
function touchedModule(path: string): string {
  const exported = require(path) as object
  const names = Object.keys(exported).filter((name) => name !== 'default' && name !== '__esModule')
  const getters = names.map((name) => `get ${JSON.stringify(name)}(){return load()[${JSON.stringify(name)}]}`)
  return `let loaded;const load=()=>loaded??=require(${JSON.stringify(path)});module.exports={${getters.join()}}`
}
