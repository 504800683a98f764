import { join } from 'node:path'

const modules = new URL('../../node_modules/', import.meta.url).pathname

/** The words of a command that compiles a file as strictly as can be, with nothing of ours but what it imports. */
export function strictCompileOf(file: string): [command: string, words: string[]] {
  const how = ['--ignoreConfig', '--noEmit', '--strict', '--module', 'nodenext', '--target', 'esnext']
  return [join(modules, '.bin/tsc'), [...how, '--types', 'node', '--typeRoots', join(modules, '@types'), file]]
}
