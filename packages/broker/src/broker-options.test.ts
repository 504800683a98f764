import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settingRows } from './config/broker-settings.ts'
import { BrokerError } from './errors/errors.ts'
import { startBroker } from './mod.ts'

/** What somebody is told who gives what the types forbid. */
async function refusal(options: object): Promise<string> {
  let broker: Awaited<ReturnType<typeof startBroker>>
  try {
    broker = await startBroker(options)
  } catch (error) {
    assert.ok(error instanceof BrokerError && error.code === 'invalid-config', String(error))
    return error.message
  }
  await broker.stop()
  assert.fail(`was taken: ${Object.keys(options).join(', ')}`)
}

test('startBroker refuses what is no object of the wanted kind, and says what is probably meant', async () => {
  assert.match(
    await refusal({ authorizer: 'acl' }),
    /^startBroker: authorizer must be an object with isAllowed, isAllowedSomewhere, not the text "acl"; for access rules, set authorizerKind: 'acl'$/,
  )
  assert.match(await refusal({ authorizer: { isAllowed: () => true } }), /not one without isAllowedSomewhere;/)
  assert.match(await refusal({ authenticator: ['PLAIN'] }), /not a list; for users of the cluster, set saslMechanisms/)
  assert.match(
    await refusal({ logger: 'debug' }),
    /logger must be an object with debug, info, warn, error, not the text/,
  )
  assert.match(await refusal({ host: '0.0.0.0' }), /not the text "0\.0\.0\.0"; to listen elsewhere, set kafkaAddress/)
  assert.match(await refusal({ authenticator: null }), /authenticator must be .* not null/)
})

test('startBroker refuses options that there are not, instead of ignoring them', async () => {
  assert.equal(
    await refusal({ 'super.users': 'User:a' }),
    'startBroker: the setting super.users is the option superUsers here',
  )
  assert.match(await refusal({ dataDirectoy: '/tmp/x' }), /no option dataDirectoy; did you mean "dataDirectory"\?$/)
  assert.equal(await refusal({ port: 9092, xyzzyxyzzy: 1 }), 'startBroker: there is no option port')
})

test('startBroker says of every setting what it must be', async () => {
  for (const key of settingRows.keys()) assert.match(await refusal({ [key]: () => 1 }), new RegExp(`${key} must be `))
  assert.match(await refusal({ kafkaAddress: '127.0.0.1:9092' }), /must be an object \{ host, port \}, not the text/)
  assert.match(await refusal({ saslMechanisms: 'PLAIN' }), /must be a list, not the text "PLAIN"/)
  assert.match(await refusal({ superUsers: ['User:a'] }), /must be a text, not a list/)
  assert.match(await refusal({ kafkaAddress: { host: 'x' } }), /not an object of another form/)
})
