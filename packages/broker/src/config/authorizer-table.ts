/** Rows about what clients may do; see broker-table.ts. */
import { choice, flag, words } from './setting.ts'
import type { Setting } from './setting.ts'

/** `User:alice;User:bob`, as Kafka writes it. Names may hold anything but semicolons. */
function principals(row: { name: string; documentation: string }): Setting<string> {
  const plain = words({ ...row, default: '', max: 10_000, empty: true })
  const findFault = (value: string): string | undefined => {
    const wrong = splitPrincipals(value).find((each) => !/^[^:]+:./s.test(each))
    if (wrong !== undefined) return `must be User:name, several with semicolons between, not "${wrong}"`
    return plain.findFault(value)
  }
  return {
    ...plain,
    findFault,
    parse: (text) => {
      const fault = findFault(text)
      return fault === undefined ? { value: text } : { fault }
    },
  }
}

/** The principals that a setting of this form names. */
export function splitPrincipals(value: string): readonly string[] {
  return value
    .split(';')
    .map((each) => each.trim())
    .filter((each) => each !== '')
}

export const authorizerTable = {
  authorizerKind: choice({
    name: 'authorizer',
    default: 'none',
    choices: ['none', 'acl'],
    documentation:
      'Who may do what: "none" lets everybody do everything, "acl" asks the access rules that "polylog acl" and Kafka\'s tools make.',
  }),
  superUsers: principals({
    name: 'super.users',
    documentation:
      'Who may do everything, whatever the access rules say: User:alice;User:bob. Somebody must, to make the first rule.',
  }),
  allowsIfNoAcl: flag({
    name: 'allow.everyone.if.no.acl.found',
    default: false,
    documentation: 'Whether everybody may do everything with a resource that no access rule is about.',
  }),
}
