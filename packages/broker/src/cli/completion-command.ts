import { suggestionFor } from '../config/nearest.ts'
import type { Command, CommandContext, CommandTable } from './command.ts'
import { isGroup } from './command.ts'
import { UsageError, exitCodes } from './exit-code.ts'
import type { Flags } from './flags.ts'

/** What can follow the words of a command line: `topic create` -> its flags. */
type Tree = ReadonlyMap<string, readonly string[]>

const shells: Readonly<Record<string, (tree: Tree) => string>> = { bash, zsh, fish }

export const completionCommand: Command = {
  summary: 'Print a script that completes commands and flags in your shell.',
  usage: 'bash|zsh|fish',
  examples: [
    ['source <(polylog completion bash)', 'in this shell; put the line into ~/.bashrc to keep it'],
    ['source <(polylog completion zsh)', 'the same for zsh, in ~/.zshrc'],
    ['polylog completion fish > ~/.config/fish/completions/polylog.fish', 'for fish'],
  ],
  flags: {},
  words: [1, 1],
  run: async (context: CommandContext) => {
    const shell = context.arguments.words[0]!
    const script = Object.hasOwn(shells, shell) ? shells[shell] : undefined
    if (script === undefined) {
      const names = Object.keys(shells)
      throw new UsageError(
        `there is no completion for "${shell}", only for ${names.join(', ')}${suggestionFor(shell, names)}`,
      )
    }
    await context.terminal.print(script(await commandTree(context.commands)))
    return exitCodes.ok
  },
}

async function commandTree(commands: CommandTable): Promise<Tree> {
  const tree = new Map<string, readonly string[]>([['', Object.keys(commands)]])
  for (const [name, entry] of Object.entries(commands)) {
    const loaded = await entry.load()
    if (!isGroup(loaded)) {
      tree.set(name, flagNames(loaded.flags))
      continue
    }
    tree.set(name, Object.keys(loaded.verbs))
    for (const [verb, command] of Object.entries(loaded.verbs)) tree.set(`${name} ${verb}`, flagNames(command.flags))
  }
  return tree
}

function flagNames(flags: Flags): string[] {
  return [...Object.keys(flags), 'help'].map((name) => `--${name}`)
}

function bash(tree: Tree): string {
  const cases = [...tree].map(([words, next]) => `    "${words}") next="${next.join(' ')}" ;;`).join('\n')
  // Behind a group comes a verb; all other words are those of the user, such as names of topics.
  const groups = [...tree].filter(([words, next]) => words !== '' && !next[0]!.startsWith('--'))
  const verbPlaces = groups.map(([words]) => `${words}'|'*`).join('|')
  return `_polylog() {
  local word words="" next=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$words|$word" in
      *'|-'*) ;;
      ${["'|'*", verbPlaces].join('|')}) words="\${words:+$words }$word" ;;
    esac
  done
  case "$words" in
${cases}
  esac
  COMPREPLY=($(compgen -W "$next" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _polylog polylog
`
}

function zsh(tree: Tree): string {
  return `autoload -Uz bashcompinit && bashcompinit\n${bash(tree)}`
}

function fish(tree: Tree): string {
  const lines = ['complete -c polylog -f']
  for (const [words, next] of tree) {
    const [name, verb] = words.split(' ')
    const condition =
      words === ''
        ? '__fish_use_subcommand'
        : `__fish_seen_subcommand_from ${name}${verb === undefined ? '' : `; and __fish_seen_subcommand_from ${verb}`}`
    for (const word of next) {
      const argument = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`
      lines.push(`complete -c polylog -n '${condition}' ${argument}`)
    }
  }
  return `${lines.join('\n')}\n`
}
