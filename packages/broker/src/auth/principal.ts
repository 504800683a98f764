/** Who somebody is, as rules and logs name them: `User:alice`. */
export interface Principal {
  /** Kind of name; `User` for everybody who is not a kind of their own. */
  readonly type: string
  /** Any text, colons included. */
  readonly name: string
}

/** The type of people and programs that log in, as Kafka calls it. */
export const userType = 'User'

/** Whoever has not said who they are. */
export const anonymous: Principal = { type: userType, name: 'ANONYMOUS' }

/** `type:name`, the form of Kafka's ACLs. */
export function formatPrincipal({ type, name }: Principal): string {
  return `${type}:${name}`
}

/** Reads `type:name`; undefined if it is not of this form. The name begins after the first colon and may hold more. */
export function parsePrincipal(text: string): Principal | undefined {
  const colon = text.indexOf(':')
  if (colon <= 0 || colon === text.length - 1) return undefined
  return { type: text.slice(0, colon), name: text.slice(colon + 1) }
}
