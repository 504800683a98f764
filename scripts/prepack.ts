// Runs before `npm pack` in packages/broker: builds dist/ and puts the published package.json in the place of ours,
// which scripts/postpack.ts puts back. npm reads the file between the two.
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Manifest } from './bundle/manifest.ts'
import { publishedManifest } from './bundle/manifest.ts'
import { root } from './run-command.ts'

const broker = join(root, 'packages/broker')
const manifest = join(broker, 'package.json')
const ours = join(broker, 'package.workspace.json')
// One that was killed before postpack left ours aside.
if (existsSync(ours)) copyFileSync(ours, manifest)

await import('./bundle.ts')
const published = publishedManifest(JSON.parse(readFileSync(manifest, 'utf8')) as Manifest)
copyFileSync(manifest, ours)
writeFileSync(manifest, `${JSON.stringify(published, undefined, 2)}\n`)
for (const file of ['LICENSE', 'README.md']) {
  if (existsSync(join(root, file))) copyFileSync(join(root, file), join(broker, file))
}
