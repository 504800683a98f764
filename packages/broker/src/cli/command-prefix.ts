import type { CommandContext } from './command.ts'

/** How the user can call this program again, from where he is. */
export function commandPrefix(environment: CommandContext['environment']): string {
  if (process.argv[1]?.endsWith('.ts') === true) return 'node scripts/bootstrap.mjs polylog'
  return environment['npm_command'] === 'exec' ? 'npx polylog' : 'polylog'
}
