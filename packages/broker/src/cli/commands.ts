import type { CommandTable } from './command.ts'

/** Every command, in the order of the help. To add one: write its file, add its line here. */
export const commands: CommandTable = {
  start: {
    summary: 'Start a broker.',
    load: async () => (await import('./start-command.ts')).startCommand,
  },
  'dev-cluster': {
    summary: 'Start several brokers and an etcd on this machine, to try things out.',
    load: async () => (await import('./dev-cluster/dev-cluster-command.ts')).devClusterCommand,
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
  user: {
    summary: 'Make, list and remove users, and change their passwords.',
    load: async () => (await import('./user-command.ts')).userCommands,
  },
  acl: {
    summary: 'Say who may do what: make, list and remove access rules.',
    load: async () => (await import('./acl-command.ts')).aclCommands,
  },
  cluster: {
    summary: 'Show the brokers of a cluster, drain and remove them, move partitions.',
    load: async () => (await import('./cluster-command.ts')).clusterCommands,
  },
  policy: {
    summary: 'Say where replicas go, and settings of many topics at once.',
    load: async () => (await import('./policy-command.ts')).policyCommands,
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
