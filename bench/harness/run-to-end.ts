import { spawn } from 'node:child_process'

/** Runs a program to its end; rejects with why it was needed and the end of what it said. */
export function runToEnd(program: string, args: readonly string[], why: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const listen = (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000))
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    child.once('error', (error) => reject(new Error(`cannot run ${program} (${error.message}); ${why}`)))
    child.once('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`${program} failed with ${code}; ${why}\n${said}`))
    })
  })
}
