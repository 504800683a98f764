// `npm run codec -- Fetch 12`: prints the JavaScript that the wire package compiles for one version of an API, so that
// what runs can be read. Without arguments: the APIs and their versions.
import { apis } from '@polylog/wire'
import { emit } from '../packages/wire/src/schema/compile.ts'

const all = Object.values(apis)
const [name, versionText] = process.argv.slice(2)
const api = all.find((candidate) => candidate.name.toLowerCase() === name?.toLowerCase())
if (api === undefined || versionText === undefined) {
  console.error('usage: npm run codec -- API VERSION\n')
  for (const { key, name: apiName, versions } of all) {
    console.error(`${String(key).padStart(3)}  ${apiName.padEnd(30)} ${versions[0]}-${versions[1]}`)
  }
  process.exit(name === undefined ? 0 : 2)
}
const version = Number(versionText)
if (!Number.isInteger(version) || version < api.versions[0] || version > api.versions[1]) {
  console.error(`codec: ${api.name} has versions ${api.versions[0]} to ${api.versions[1]}, not ${versionText}`)
  process.exit(2)
}
for (const message of [api.request, api.response]) {
  console.log(`// ${message.name} version ${version}\n${emit(message, version)}\n`)
}
