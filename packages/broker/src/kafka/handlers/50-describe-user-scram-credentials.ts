import type { DescribeUserScramCredentialsResponse, InferInput } from '@polylog/wire'
import { apis, errorCodes } from '@polylog/wire'
import type { User } from '../../image/user.ts'
import { defineHandler } from '../handler.ts'
import { checkCluster } from '../permission.ts'
import { scramTypeOf } from '../scram-types.ts'

type Result = NonNullable<InferInput<typeof DescribeUserScramCredentialsResponse>['results']>[number]

/** Lists users with their mechanisms and numbers of iterations; secrets stay here. */
export const describeUserScramCredentials = defineHandler({
  api: apis[50],

  handle({ users: asked }, context) {
    checkCluster(context, 'describe')
    const { users } = context.services.image
    const isForAll = asked === null || asked.length === 0
    const names = isForAll ? [...users.keys()].toSorted() : asked.map(({ name }) => name)
    const counts = new Map<string, number>()
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
    const results = [...counts].map(([name, count]) => describe(name, count, users.get(name)))
    return { throttleTimeMs: 0, errorCode: 0, errorMessage: null, results }
  },

  refuse: (errorCode, errorMessage) => ({ throttleTimeMs: 0, errorCode, errorMessage, results: [] }),
})

function describe(name: string, count: number, user: User | undefined): Result {
  const fail = ({ code }: { code: number }, errorMessage: string): Result => ({
    user: name,
    errorCode: code,
    errorMessage,
    credentialInfos: [],
  })
  if (count > 1) return fail(errorCodes.DUPLICATE_RESOURCE, 'The user is named twice in the same request.')
  if (user === undefined) return fail(errorCodes.RESOURCE_NOT_FOUND, 'There is no such user.')
  const credentialInfos = [...user.credentials].map(([mechanism, { iterations }]) => ({
    mechanism: scramTypeOf(mechanism),
    iterations,
  }))
  return { user: name, errorCode: 0, errorMessage: null, credentialInfos }
}
