import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { isGroup } from './command.ts'
import { commands } from './commands.ts'
import { runLine } from './testing/fake-terminal.ts'

interface Place {
  /** What stands on the line already. */
  words: string[]
  /** What may follow it. */
  next: string[]
}

/** Every place where something can follow, from the very table that runs the commands. */
async function placesOf(): Promise<Place[]> {
  const flagsOf = ({ flags }: { flags: object }): string[] => [...Object.keys(flags), 'help'].map((name) => `--${name}`)
  const places: Place[] = [{ words: [], next: Object.keys(commands) }]
  for (const [name, entry] of Object.entries(commands)) {
    const loaded = await entry.load()
    if (!isGroup(loaded)) {
      places.push({ words: [name], next: flagsOf(loaded) })
      continue
    }
    places.push({ words: [name], next: Object.keys(loaded.verbs) })
    for (const [verb, command] of Object.entries(loaded.verbs)) {
      places.push({ words: [name, verb], next: flagsOf(command) })
    }
  }
  return places
}

const hasBash = spawnSync('bash', ['-c', 'true']).status === 0

/** What bash offers behind each of the lines, the last word of which is being typed. */
function completeInBash(script: string, lines: readonly string[][]): string[][] {
  const calls = lines.map(
    (words) => `COMP_WORDS=(polylog ${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length}
_polylog
echo "\${COMPREPLY[*]}"`,
  )
  const printed = execFileSync('bash', ['-c', `${script}\n${calls.join('\n')}`], { encoding: 'utf8' })
  return printed
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' '))
}

describe('completion', () => {
  it('has more than one group, so that the tests below see them', async () => {
    const places = await placesOf()
    assert.ok(places.length > 15, String(places.length))
  })

  it('offers every command, verb and flag in bash', { skip: hasBash ? false : 'there is no bash' }, async () => {
    const { stdout: script } = await runLine('completion bash')
    const places = await placesOf()
    const bare = completeInBash(
      script,
      places.map(({ words }) => [...words, '']),
    )
    for (const [i, { words, next }] of places.entries()) assert.deepEqual(bare[i], next, words.join(' '))
    // A flag that is there already does not change what may follow.
    const leaves = places.filter(({ next }) => next[0]!.startsWith('--'))
    const behindFlag = completeInBash(
      script,
      leaves.map(({ words }) => [...words, '--help', '--']),
    )
    for (const [i, { words, next }] of leaves.entries()) assert.deepEqual(behindFlag[i], next, words.join(' '))
  })

  it('offers every command, verb and flag in fish', async () => {
    const lines = new Set((await runLine('completion fish')).stdout.split('\n'))
    for (const { words, next } of await placesOf()) {
      const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`)
      const condition = words.length === 0 ? '__fish_use_subcommand' : seen.join('; and ')
      for (const word of next) {
        const argument = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`
        assert.ok(lines.has(`complete -c polylog -n '${condition}' ${argument}`), `${words.join(' ')} ${word}`)
      }
    }
  })

  it('gives zsh what bash has', async () => {
    const { stdout: bash } = await runLine('completion bash')
    assert.ok((await runLine('completion zsh')).stdout.endsWith(bash))
  })
})
