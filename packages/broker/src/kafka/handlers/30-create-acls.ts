import type { CreateAclsRequest, Infer } from '@polylog/wire'
import { apis } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import type { AclRule } from '../../image/acl.ts'
import { ruleOf } from '../acl-numbers.ts'
import type { NumberedRule } from '../acl-numbers.ts'
import { aclsOf } from '../acl-source.ts'
import { defineHandler } from '../handler.ts'
import { checkCluster } from '../permission.ts'
import { describeFailure } from '../serve.ts'

type Request = Infer<typeof CreateAclsRequest>

/** Makes access rules; one that exists already is a success. */
export const createAcls = defineHandler({
  api: apis[30],

  async handle({ creations }: Request, context) {
    checkCluster(context, 'alter')
    const acls = aclsOf(context)
    const asked = creations.map(ruleOrFault)
    const rules = asked.flatMap((each) => (each instanceof BrokerError ? [] : [each]))
    const outcomes = (await acls.create(rules)).values()
    const results = asked.map((each) => {
      const error = each instanceof BrokerError ? each : outcomes.next().value
      if (error === undefined) return { errorCode: 0, errorMessage: null }
      const { errorCode, message } = describeFailure(error, context)
      return { errorCode, errorMessage: message }
    })
    return { results }
  },

  // The answer has no error of the whole: each rule then says it.
  refuse: (errorCode, errorMessage, { creations }: Request) => ({
    results: creations.map(() => ({ errorCode, errorMessage })),
  }),
})

function ruleOrFault(asked: NumberedRule): AclRule | BrokerError {
  try {
    return ruleOf(asked)
  } catch (error) {
    if (error instanceof BrokerError) return error
    throw error
  }
}
