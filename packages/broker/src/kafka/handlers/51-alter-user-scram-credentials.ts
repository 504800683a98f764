import { apis } from '@polylog/wire'
import type { CredentialChange } from '../../auth/user-admin.ts'
import { defineHandler } from '../handler.ts'
import { checkCluster } from '../permission.ts'
import { scramMechanismOf } from '../scram-types.ts'
import { describeFailure } from '../serve.ts'

/** Makes, changes and removes users. Passwords come salted: the broker never sees them (KIP-554). */
export const alterUserScramCredentials = defineHandler({
  api: apis[51],

  async handle({ deletions, upsertions }, context) {
    checkCluster(context, 'alter')
    const changes: CredentialChange[] = []
    for (const { name, mechanism } of deletions) {
      changes.push({ kind: 'remove', user: name, mechanism: scramMechanismOf(mechanism) })
    }
    for (const { name, mechanism, iterations, salt, saltedPassword } of upsertions) {
      const secrets = { salt: Buffer.from(salt), saltedPassword: Buffer.from(saltedPassword) }
      changes.push({ kind: 'set', user: name, mechanism: scramMechanismOf(mechanism), iterations, ...secrets })
    }
    const outcomes = await context.services.users.alter(changes)
    const results = [...outcomes].map(([user, error]) => {
      if (error === undefined) return { user, errorCode: 0, errorMessage: null }
      const { errorCode, message } = describeFailure(error, context)
      return { user, errorCode, errorMessage: message }
    })
    return { throttleTimeMs: 0, results }
  },

  refuse: (errorCode, errorMessage, { deletions, upsertions }) => {
    const names = new Set([...deletions, ...upsertions].map(({ name }) => name))
    return { throttleTimeMs: 0, results: [...names].map((user) => ({ user, errorCode, errorMessage })) }
  },
})
