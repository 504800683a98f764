import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import type { Api } from './apis.ts'
import { apis, findApi } from './apis.ts'
import { errorCodes, errorOf } from './error-codes.ts'

test('there is one file per API and one line in the table per file', () => {
  const files = readdirSync(new URL('./', import.meta.url)).filter((name) => /^\d+-.*\.ts$/.test(name))
  const expected = Object.values<Api>(apis).map(({ key, name }) => {
    const words = name.replaceAll(/(?<=.)[A-Z]/g, (letter) => `-${letter}`).toLowerCase()
    return `${String(key).padStart(2, '0')}-${words}.ts`
  })
  assert.deepEqual(files.toSorted(), expected.toSorted())
})

test('request and response of an API belong together', () => {
  for (const [key, api] of Object.entries<Api>(apis)) {
    assert.equal(api.key, Number(key))
    assert.equal(api.request.name, `${api.name}Request`)
    assert.equal(api.response.name, `${api.name}Response`)
    assert.equal(api.response.apiKey, api.key)
    assert.deepEqual(api.response.versions, api.versions)
    assert.equal(api.response.flexible, api.flexible)
    assert.equal(findApi(api.key), api)
  }
  assert.equal(findApi(4), null)
  assert.equal(findApi(-1), null)
})

test('error codes are found by name and by code', () => {
  const codes = Object.values(errorCodes).map(({ code }) => code)
  assert.deepEqual(
    codes,
    Array.from({ length: 135 }, (_, index) => index - 1),
  )
  for (const [name, error] of Object.entries(errorCodes)) {
    assert.equal(error.name, name)
    assert.equal(errorOf(error.code), error)
    assert.match(error.message, /^[A-Z].*\.$/)
  }
  assert.equal(errorCodes.NOT_LEADER_OR_FOLLOWER.code, 6)
  assert.equal(errorCodes.NOT_LEADER_OR_FOLLOWER.retriable, true)
  assert.equal(errorOf(9999), null)
})
