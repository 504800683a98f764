// Runs after `npm pack` in packages/broker: undoes what scripts/prepack.ts did to the folder, except for dist/.
import { existsSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run-command.ts'

const broker = join(root, 'packages/broker')
const ours = join(broker, 'package.workspace.json')
if (existsSync(ours)) renameSync(ours, join(broker, 'package.json'))
for (const file of ['LICENSE', 'README.md']) rmSync(join(broker, file), { force: true })
