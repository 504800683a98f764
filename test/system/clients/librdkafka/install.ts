import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))
const timeoutMs = 120_000

/**
 * Installs librdkafka (as the addon in the package kafka-crab-js) into this folder, once. It is no development dependency
 * of the checkout because npm leaves out its binary there: an optional package whose `engines` names Node.js 24 only. As
 * a direct dependency it is installed, with a warning, and it works on newer ones.
 *
 * @returns where its module is, or in a sentence why it cannot be had here
 */
export function installLibrdkafka(): { module: string } | { reason: string } {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { reason: `kafka-crab-js is locked for linux-x64 only, this is ${process.platform}-${process.arch}` }
  }
  const module = `${folder}node_modules/kafka-crab-js/dist/index.js`
  const binary = `${folder}node_modules/kafka-crab-js-linux-x64-gnu`
  if (!existsSync(module) || !existsSync(binary)) {
    const quiet = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    // The checkout above has workspaces, of which this folder is none.
    const command = ['install', '--workspaces=false', '--prefer-offline', ...quiet, '--prefix', folder]
    const { status, error, stderr } = spawnSync('npm', command, { cwd: folder, timeout: timeoutMs, encoding: 'utf8' })
    if (status !== 0) return { reason: `npm cannot install kafka-crab-js: ${error?.message ?? stderr.trim()}` }
  }
  return { module }
}
