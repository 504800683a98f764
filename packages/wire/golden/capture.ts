import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import type { Api } from '../src/mod.ts'
import { driveKafkajs, driveKcat, drivePlatformatic, drivePlatformaticOld } from './clients.ts'
import type { VersionCap } from './recorder.ts'
import { Recorder } from './recorder.ts'

/**
 * Records what real clients send, one file per client, API and version: `node packages/wire/golden/capture.ts`.
 *
 * A file holds a request without its size, as hex. Files are rewritten only on purpose: run this again after adding a
 * client, and look at the difference.
 */

const newest: VersionCap = (api) => api.versions[1]
/** The last versions before the flexible ones, about Kafka 2.3. */
const inflexible: VersionCap = (api) => Math.min(api.versions[1], api.flexible - 1)

type Drive = (port: number) => Promise<void>

const runs: readonly [client: string, cap: VersionCap, drive: Drive][] = [
  ['kafkajs', newest, driveKafkajs],
  ['platformatic', newest, drivePlatformatic],
  ['platformatic', inflexible, drivePlatformaticOld],
  ['librdkafka', newest, driveKcat],
  ['librdkafka', inflexible, driveKcat],
]

/** Size of the longest request so far, by file. */
const longest = new Map<string, number>()

for (const [client] of runs) rmSync(new URL(`./${client}/`, import.meta.url), { recursive: true, force: true })
for (const [client, cap, drive] of runs) {
  const recorder = new Recorder(cap)
  await drive(await recorder.listen())
  await recorder.close()
  for (const { api, version, bytes } of recorder.requests) save(client, api, version, bytes)
}

/** Keeps the longest request of its kind: empty ones show the least. */
function save(client: string, api: Api, version: number, bytes: Buffer): void {
  const path = new URL(`./${client}/`, import.meta.url)
  mkdirSync(path, { recursive: true })
  const name = `${String(api.key).padStart(2, '0')}-${api.name}-v${version}.hex`
  const best = longest.get(`${client}/${name}`)
  if (best !== undefined && best >= bytes.length) return
  longest.set(`${client}/${name}`, bytes.length)
  writeFileSync(new URL(name, path), `${bytes.toString('hex').replaceAll(/.{1,120}/g, '$&\n')}`)
}
