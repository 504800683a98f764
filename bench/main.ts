// `npm run bench`: see README.md in this folder.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { ClientPairs } from './harness/remote-clients.ts'
import { Generator } from './harness/generator.ts'
import { parseOptions, USAGE } from './harness/options.ts'
import type { Options } from './harness/options.ts'
import { runSession, warmUp } from './harness/session.ts'
import { Subjects } from './harness/open-subject.ts'
import type { Subject } from './harness/subject.ts'
import { selectWorkloads, workloads } from './workloads/all.ts'

const say = (text: string) => void process.stdout.write(`${text}\n`)

try {
  const options = parseOptions(process.argv.slice(2))
  if (options.help) say(USAGE)
  else if (options.list) for (const { name, title } of workloads) say(`${name.padEnd(24)} ${title}`)
  else process.exitCode = await main(options)
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
}

/** 0 when every workload ran on every broker, else 1: goals that are not met are results, not failures. */
async function main(options: Options): Promise<number> {
  const chosen = selectWorkloads(options.workloads)
  const directory = mkdtempSync(join(options.directory, 'polylog-bench-'))
  const generator = new Generator()
  const clients = new ClientPairs()
  const subjects: Subject[] = []
  try {
    const opened = new Subjects({ directory, polylogCommand: options.polylogCommand })
    for (const [i, name] of options.subjects.entries()) subjects.push(await opened.open(name, options.pids[i]))
    const measureMs = options.seconds * 1000
    const bench = {
      generator,
      clients,
      say,
      directory,
      hasty: options.hasty,
      measureMs,
      warmupMs: Math.min(1000, measureMs),
      coldBytes: options.coldMib * 1024 * 1024,
    }
    const machine = machineOf()
    say(`${machine.cores} x ${machine.cpu}, ${machine.memoryGb} GB, Linux ${machine.kernel}, Node ${machine.node}`)
    say(`${options.subjects.join(' in turn with ')}; ${options.repeat} window(s) of ${options.seconds} s; medians\n`)
    if (options.warmSeconds > 0)
      for (const subject of subjects) await warmUp(bench, subject, chosen, options.warmSeconds)
    const startedAt = new Date().toISOString()
    const results = await runSession(chosen, bench, subjects, options.repeat, say)
    if (options.jsonFile !== undefined) {
      const { seconds, repeat, coldMib, subjects: names } = options
      const report = { startedAt, machine, seconds, repeat, coldMib, subjects: names, workloads: results }
      writeFileSync(options.jsonFile, `${JSON.stringify(report, null, 2)}\n`)
    }
    return results.some(({ failures }) => Object.keys(failures).length > 0) ? 1 : 0
  } finally {
    generator.stop()
    clients.stop()
    for (const subject of subjects) await subject.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function machineOf(): { cpu: string; cores: number; memoryGb: number; kernel: string; node: string } {
  const all = cpus()
  return {
    cpu: all[0]?.model ?? 'unknown CPU',
    cores: all.length,
    memoryGb: Math.round(totalmem() / 1e9),
    kernel: release(),
    node: process.version,
  }
}
