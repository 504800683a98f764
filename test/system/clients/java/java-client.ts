import type { ChildProcess } from 'node:child_process'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const source = fileURLToPath(new URL('./ShareProgram.java', import.meta.url))

/** Needs not to be there: then the tests are skipped. */
const virtualMachine = 'java'

/** Where bench/rivals keeps the jars of Apache Kafka, whatever its version. */
function findJars(): string | undefined {
  const cache = join(homedir(), '.cache', 'polylog-bench')
  if (!existsSync(cache)) return undefined
  const folders = readdirSync(cache).map((name) => join(cache, name, 'jars'))
  return folders.findLast(
    (jars) => existsSync(jars) && readdirSync(jars).some((name) => name.startsWith('kafka-clients-')),
  )
}

/** A test that throws out of turn ends without its members; they must not outlive it. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Kafka's own client: programs of `ShareProgram`, compiled once. */
export class JavaClient {
  readonly #classes: string
  readonly #classPath: string
  #admin: JavaMember | undefined

  private constructor(classes: string, jars: string) {
    this.#classes = classes
    this.#classPath = `${classes}:${join(jars, '*')}`
  }

  /** Compiles the program; a text says why there is none on this machine. */
  static async compile(): Promise<JavaClient | string> {
    const jars = findJars()
    if (jars === undefined) return "Kafka's jars are not there; node bench/run.ts fetches them (docs/performance.md)"
    const classes = mkdtempSync(join(tmpdir(), 'polylog-share-'))
    try {
      await run('javac', ['-d', classes, '-cp', join(jars, '*'), source])
    } catch (error) {
      rmSync(classes, { recursive: true, force: true })
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'there is no javac'
      throw error
    }
    return new JavaClient(classes, jars)
  }

  /** Starts a member of a group and resolves once it polls. */
  async member(bootstrap: string, group: string, topic: string, ...options: string[]): Promise<JavaMember> {
    const child = this.#spawn(['member', bootstrap, group, topic, ...options])
    const member = new JavaMember(child)
    await member.line(/^ready$/)
    return member
  }

  /** Runs an administrative command; returns its lines. One after the other, all in one process. */
  async admin(bootstrap: string, ...command: string[]): Promise<string[]> {
    const admin = (this.#admin ??= new JavaMember(this.#spawn(['admin', bootstrap])))
    const start = admin.lines.length
    admin.tell(command.join(' '))
    await admin.until(() => admin.lines.indexOf('end', start) >= 0, command.join(' '))
    return admin.lines.slice(start, -1)
  }

  async dispose(): Promise<void> {
    await this.#admin?.kill()
    rmSync(this.#classes, { recursive: true, force: true })
  }

  #spawn(args: readonly string[]): ChildProcess {
    // Small and quick to start: several run at a time.
    const options = ['-Xmx96m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto']
    const child = spawn(virtualMachine, [...options, '-cp', this.#classPath, 'ShareProgram', ...args])
    running.add(child)
    child.once('exit', () => running.delete(child))
    return child
  }
}

/** A running program, and what it has said. */
export class JavaMember {
  readonly lines: string[] = []
  /** What it complained of, the end of it. */
  errors = ''
  readonly #child: ChildProcess
  #news = Promise.withResolvers<void>()
  #hasEnded = false

  constructor(child: ChildProcess) {
    this.#child = child
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.lines.push(line)
      this.#wake()
    })
    child.stderr!.on('data', (chunk: Buffer) => {
      this.errors = (this.errors + chunk.toString()).slice(-16_384)
    })
    child.once('close', () => {
      this.#hasEnded = true
      this.#wake()
    })
  }

  /** Resolves with the first line that matches, said already or still to come; rejects if the program ends without it. */
  async line(pattern: RegExp): Promise<string> {
    await this.until(() => this.lines.some((line) => pattern.test(line)), String(pattern))
    return this.lines.find((line) => pattern.test(line))!
  }

  /** Resolves when the condition holds of its lines; rejects if the program ends before. */
  async until(condition: () => boolean, what: string): Promise<void> {
    while (!condition()) {
      if (this.#hasEnded) throw new Error(`ended before ${what}:\n${this.lines.join('\n')}\n${this.errors}`)
      await this.#news.promise
    }
  }

  /** Resolves when it says something, or ends. */
  next(): Promise<void> {
    return this.#news.promise
  }

  /** What it said it did: `accept 0 7 1 value` is partition, offset, number of the delivery and value. */
  deeds(): Deed[] {
    return this.lines.flatMap((line) => {
      const found = /^(accept|release|reject|renew|hung|died) (\d+) (\d+) (-?\d+) (.*)$/.exec(line)
      if (found === null) return []
      const [, type, partition, offset, delivery, value] = found
      return {
        type: type!,
        partition: Number(partition),
        offset: Number(offset),
        delivery: Number(delivery),
        value: value!,
      }
    })
  }

  tell(line: string): void {
    this.#child.stdin!.write(`${line}\n`)
  }

  /** Asks it to close and resolves when it has. */
  async stop(): Promise<void> {
    this.tell('stop')
    await this.ended()
  }

  kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    return this.ended()
  }

  async ended(): Promise<void> {
    if (!this.#hasEnded) await once(this.#child, 'close')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }

  #wake(): void {
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }
}

export interface Deed {
  readonly type: string
  readonly partition: number
  readonly offset: number
  readonly delivery: number
  readonly value: string
}
