import type { CommandTable } from './command.ts'

/** Every command, in the order of the help. To add one: write its file, add its line here. */
export const commands: CommandTable = {
  start: {
    summary: 'Start a broker.',
    load: async () => (await import('./start-command.ts')).startCommand,
  },
  topic: {
    summary: 'Create, list, describe, change and delete topics.',
    load: async () => (await import('./topic-command.ts')).topicCommands,
  },
  produce: {
    summary: 'Send lines of stdin as records.',
    load: async () => (await import('./produce-command.ts')).produceCommand,
  },
  consume: {
    summary: 'Print records of a topic.',
    load: async () => (await import('./consume-command.ts')).consumeCommand,
  },
  group: {
    summary: 'List and describe consumer groups, move their offsets, delete them.',
    load: async () => (await import('./group-command.ts')).groupCommands,
  },
  bench: {
    summary: 'Measure how fast a broker stores and delivers.',
    load: async () => (await import('./bench-command.ts')).benchCommand,
  },
  inspect: {
    summary: 'Explain a data folder offline and verify it.',
    load: async () => (await import('./inspect-command.ts')).inspectCommand,
  },
  doctor: {
    summary: 'Check this machine and a broker, and explain what is wrong.',
    load: async () => (await import('./doctor-command.ts')).doctorCommand,
  },
  completion: {
    summary: 'Print a script that completes commands in your shell.',
    load: async () => (await import('./completion-command.ts')).completionCommand,
  },
  help: {
    summary: 'Explain commands, settings and exit codes.',
    load: async () => (await import('./help-command.ts')).helpCommand,
  },
}
