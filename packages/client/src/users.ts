import { randomBytes } from 'node:crypto'
import { apis } from '@polylog/wire'
import { expectSuccess, refusal } from './client-error.ts'
import type { Cluster } from './cluster.ts'
import { saltPassword } from './sasl.ts'
import type { ScramMechanism } from './sasl.ts'

/** A user with the mechanisms that they can log in with, and the iterations of each. PLAIN goes with any of them. */
export interface UserInfo {
  name: string
  mechanisms: readonly { mechanism: ScramMechanism | 'unknown'; iterations: number }[]
}

export interface NewPassword {
  user: string
  password: string
  /** Default: all. */
  mechanisms?: readonly ScramMechanism[]
  /** Default 4096, as Kafka. */
  iterations?: number
}

/** Numbers of KIP-554. */
const mechanismTypes: Readonly<Record<ScramMechanism, number>> = { 'SCRAM-SHA-256': 1, 'SCRAM-SHA-512': 2 }
const allMechanisms = Object.keys(mechanismTypes) as ScramMechanism[]
const saltBytes = 16
const iterationsDefault = 4096
const resourceNotFound = 91

/** All users, or those named; a name that nobody has is left out. @throws ClientError */
export async function listUsers(cluster: Cluster, names?: readonly string[]): Promise<UserInfo[]> {
  const users = names?.map((name) => ({ name })) ?? null
  const answer = await cluster.any(apis[50], { users })
  expectSuccess(answer.errorCode, 'cannot list users', answer.errorMessage)
  const found = answer.results.filter(({ errorCode }) => errorCode !== resourceNotFound)
  return found.map(({ user, errorCode, errorMessage, credentialInfos }) => {
    expectSuccess(errorCode, `cannot show user "${user}"`, errorMessage)
    const mechanisms = credentialInfos.map(({ mechanism, iterations }) => ({
      mechanism: allMechanisms.find((each) => mechanismTypes[each] === mechanism) ?? ('unknown' as const),
      iterations,
    }))
    return { name: user, mechanisms }
  })
}

/** Makes a user, or gives one another password. The password is salted here and never sent. @throws ClientError */
export async function setPassword(cluster: Cluster, given: NewPassword): Promise<void> {
  const { user, password, mechanisms = allMechanisms, iterations = iterationsDefault } = given
  const upsertions = await Promise.all(
    mechanisms.map(async (mechanism) => {
      const salt = randomBytes(saltBytes)
      const saltedPassword = await saltPassword(mechanism, password, salt, iterations)
      return { name: user, mechanism: mechanismTypes[mechanism], iterations, salt, saltedPassword }
    }),
  )
  const answer = await cluster.controller(apis[51], { deletions: [], upsertions })
  for (const { errorCode, errorMessage } of answer.results) {
    expectSuccess(errorCode, `cannot set the password of user "${user}"`, errorMessage)
  }
}

/** Removes users with all their credentials. @throws ClientError 'refused' if there is none of such a name */
export async function removeUser(cluster: Cluster, name: string): Promise<void> {
  const what = `cannot remove user "${name}"`
  const [user] = await listUsers(cluster, [name])
  if (user === undefined) throw refusal(resourceNotFound, what, 'there is no such user')
  const deletions = user.mechanisms.flatMap(({ mechanism }) =>
    mechanism === 'unknown' ? [] : [{ name, mechanism: mechanismTypes[mechanism] }],
  )
  const answer = await cluster.controller(apis[51], { deletions, upsertions: [] })
  for (const { errorCode, errorMessage } of answer.results) expectSuccess(errorCode, what, errorMessage)
}
