/** Where an etcd cluster is, and which of its keys are ours. */
export interface EtcdAddress {
  /** Base URLs without a path, `http://host:port` or `https://host:port`. */
  readonly endpoints: readonly string[]
  /** Before every key; starts and ends with a slash. */
  readonly prefix: string
}

export const etcdPrefixDefault = '/polylog/'

const portDefault = 2379
const endpointCountMax = 32
const prefixLengthMax = 200
const form = 'etcd://HOST:PORT,HOST:PORT/PREFIX (etcds:// with TLS)'

/**
 * Reads `etcd://h1:2379,h2:2379/prefix`, or `etcds://` for TLS. The port is 2379 by default, the prefix `/polylog/`.
 * Name and password do not belong into an address, which is shown in logs and process lists.
 * Throws a TypeError with one sentence, fit to be shown, when it is none.
 */
export function parseEtcdAddress(text: string): EtcdAddress {
  const parts = /^(etcds?):\/\/([^/]*)(\/.*)?$/s.exec(text)
  if (parts === null) throw bad(text, `it must look like ${form}`)
  const [, scheme, hosts, path = ''] = parts
  if (hosts!.includes('@')) throw bad('', 'it must not hold a user or password, which have settings of their own')
  const members = hosts!.split(',')
  if (members.length > endpointCountMax) throw bad(text, `it names more than ${endpointCountMax} members`)
  const endpoints = members.map((member) => endpointOf(text, scheme === 'etcds' ? 'https' : 'http', member))
  if (new Set(endpoints).size < endpoints.length) throw bad(text, 'it names the same member twice')
  return { endpoints, prefix: prefixOf(text, path) }
}

function endpointOf(text: string, scheme: 'http' | 'https', member: string): string {
  const parts = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?$/.exec(member)
  if (parts === null) throw bad(text, `${JSON.stringify(member.slice(0, 100))} is not HOST or HOST:PORT`)
  const port = Number(parts[2] ?? portDefault)
  if (port < 1 || port > 65_535) throw bad(text, `port ${port} is not between 1 and 65535`)
  if (!URL.canParse(`${scheme}://${parts[1]!}:${port}`)) throw bad(text, `${parts[1]!} is no host`)
  return `${scheme}://${parts[1]!.toLowerCase()}:${port}`
}

function prefixOf(text: string, path: string): string {
  if (path === '' || path === '/') return etcdPrefixDefault
  if (path.length > prefixLengthMax) throw bad(text, `its prefix is longer than ${prefixLengthMax} characters`)
  if (!/^(?:\/[A-Za-z0-9._-]+)+\/?$/.test(path)) {
    throw bad(text, 'its prefix may hold letters, digits, dots, dashes and underscores between single slashes only')
  }
  return path.endsWith('/') ? path : `${path}/`
}

function bad(text: string, why: string): TypeError {
  const shown = text === '' ? '' : ` ${JSON.stringify(text.slice(0, 200))}`
  return new TypeError(`the etcd address${shown} is not valid: ${why}`)
}
