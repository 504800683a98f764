import assert from 'node:assert/strict'
import { test } from 'node:test'
import { publishedManifest } from './manifest.ts'

test('what is published has no workspace packages, no scripts, and resolves to dist', () => {
  const workspace = {
    name: 'polylog',
    version: '1.2.3',
    exports: { '.': './src/mod.ts' },
    scripts: { prepack: 'node prepack.ts' },
    devDependencies: { 'fast-check': '4.0.0' },
    dependencies: { '@polylog/wire': '1.2.3', yaml: '2.0.0' },
  }
  const { exports: _, ...published } = publishedManifest(workspace)
  assert.deepEqual(published, {
    name: 'polylog',
    version: '1.2.3',
    bin: { polylog: 'dist/polylog.js' },
    files: ['dist'],
    dependencies: { yaml: '2.0.0' },
  })
})
