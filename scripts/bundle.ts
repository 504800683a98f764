// `npm run bundle`: the published form of the packages. packages/broker/dist/ gets the `polylog` command as one file,
// the library and its types; packages/client/dist the SDK as one file and its types; packages/wire/dist JavaScript and types file
// by file.
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { bundleClient, clientFolder, writeClientManifest } from './bundle/client.ts'
import { emitLibraries } from './bundle/declarations.ts'
import { bundleCommand, bundleLibrary } from './bundle/javascript.ts'
import { root } from './run-command.ts'

const dist = join(root, 'packages/broker/dist')
rmSync(dist, { recursive: true, force: true })
rmSync(join(clientFolder, 'dist'), { recursive: true, force: true })
const [clientGzipBytes] = await Promise.all([bundleClient(), bundleCommand(), bundleLibrary(), emitLibraries()])
writeClientManifest()
for (const file of ['command.js', 'mod.js']) {
  // npm pack prints the name of its file on stdout, and scripts read that.
  console.error(`packages/broker/dist/${file}  ${(statSync(join(dist, file)).size / 1024).toFixed(0)} KiB`)
}
console.error(`packages/client/dist/mod.js  ${(clientGzipBytes / 1024).toFixed(1)} KiB compressed`)
