import { execFile, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const brokerFolder = fileURLToPath(new URL('../../packages/broker', import.meta.url))
const commandTimeLimitMs = 120_000

/** `polylog` as a user has it: packed, and installed alone in an empty folder outside the checkout. */
export class InstalledPackage {
  readonly folder: string
  readonly #temporary: string

  private constructor() {
    this.#temporary = mkdtempSync(join(tmpdir(), 'polylog-package-'))
    this.folder = join(this.#temporary, 'project')
  }

  static async install(): Promise<InstalledPackage> {
    const installed = new InstalledPackage()
    try {
      mkdirSync(installed.folder)
      writeFileSync(join(installed.folder, 'package.json'), '{ "private": true }\n')
      await run('npm', ['pack', '--pack-destination', installed.#temporary], brokerFolder)
      const tarball = readdirSync(installed.#temporary).find((name) => name.endsWith('.tgz'))
      if (tarball === undefined) throw new Error('npm pack made no file')
      const flags = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
      await run('npm', [...flags, join(installed.#temporary, tarball)], installed.folder)
      return installed
    } catch (error) {
      installed.remove()
      throw error
    }
  }

  /** Runs a program in the folder and returns its stdout. */
  run(file: string, args: readonly string[]): Promise<string> {
    return run(file, args, this.folder)
  }

  /** Starts `npx polylog …` and resolves with its first line on stdout. */
  async start(args: readonly string[]): Promise<{ child: ChildProcess; line: string }> {
    const child = spawn('npx', ['--no-install', 'polylog', ...args], {
      cwd: this.folder,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let log = ''
    child.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString()
    })
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`polylog ended with ${String(code)} before it was ready\n${log}`)
    })
    const first = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>
    const [line] = await Promise.race([first, ended])
    ended.catch(() => undefined)
    return { child, line }
  }

  /** Folders in node_modules that are packages, as `name@version`-less paths. */
  packages(): string[] {
    const modules = join(this.folder, 'node_modules')
    return readdirSync(modules)
      .filter((name) => !name.startsWith('.'))
      .flatMap((name) =>
        name.startsWith('@') ? readdirSync(join(modules, name)).map((sub) => `${name}/${sub}`) : [name],
      )
  }

  remove(): void {
    rmSync(this.#temporary, { recursive: true, force: true })
  }
}

/** The environment without what npm sets for the scripts it runs, which would steer the npm that is tested here. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS|NODE_TEST)/i.test(name)),
  )
}

async function run(file: string, args: readonly string[], cwd: string): Promise<string> {
  const options = { cwd, env: environment(), timeout: commandTimeLimitMs }
  const { stdout } = await promisify(execFile)(file, args, options)
  return stdout
}
