import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import fc from 'fast-check'
import { MetadataError } from '../cluster/metadata-error.ts'
import { BrokerError } from '../errors/errors.ts'
import { decodeAcl, encodeAcl, operations, patternTypes, permissions, resourceTypes } from '../image/acl.ts'
import type { AclRule } from '../image/acl.ts'
import { aclKey } from '../image/keys.ts'
import { AclAdmin, aclLimits } from './acl-admin.ts'
import { isMeant } from './acl-filter.ts'
import { openAcls, ruleOf } from './acl.fixture.ts'

const alice = { type: 'User', name: 'alice' }
const orders = { type: 'topic', name: 'orders' } as const

describe('AclAdmin', () => {
  let acls: Awaited<ReturnType<typeof openAcls>>
  beforeEach(async () => {
    acls = await openAcls()
  })
  afterEach(() => acls.close())

  it('makes, lists and removes rules, which are in force when it says so', async () => {
    const { admin, authorizer } = acls
    const write = ruleOf({ operation: 'write' })
    assert.deepEqual(await admin.create([ruleOf(), write]), [undefined, undefined])
    assert.equal(authorizer.isAllowed(alice, '::1', 'write', orders), true)
    assert.deepEqual(admin.list({}), [ruleOf(), write])
    assert.deepEqual(admin.list({ operation: 'write' }), [write])
    const [deleted, none] = await admin.delete([{ operation: 'write' }, { principal: 'User:nobody' }])
    assert.deepEqual([deleted, none], [[{ rule: write, error: undefined }], []])
    assert.equal(authorizer.isAllowed(alice, '::1', 'write', orders), false)
    assert.equal(authorizer.isAllowed(alice, '::1', 'read', orders), true)
  })

  it('makes a rule once, however often it is asked for', async () => {
    const { admin } = acls
    assert.deepEqual(await admin.create([ruleOf(), ruleOf()]), [undefined, undefined])
    await admin.create([ruleOf()])
    assert.equal(admin.list({}).length, 1)
    const outcomes = await admin.delete([{}, { resourceName: 'orders' }])
    assert.deepEqual(
      outcomes.map((each) => each.length),
      [1, 1],
    )
  })

  it('refuses rules that cannot be, and makes the others', async () => {
    const { admin } = acls
    const wrong: Partial<AclRule>[] = [
      { resourceName: '' },
      { resourceType: 'cluster' },
      { principal: 'alice' },
      { principal: '' },
      { host: '' },
      { resourceName: 'x'.repeat(aclLimits.nameCharactersMax + 1) },
      { principal: `User:${'x'.repeat(aclLimits.principalCharactersMax)}` },
      { resourceName: '\ud800' },
    ]
    const outcomes = await admin.create([...wrong.map(ruleOf), ruleOf()])
    assert.deepEqual(
      outcomes.map((each) => each?.code),
      [...wrong.map(() => 'invalid-request'), undefined],
    )
    assert.deepEqual(admin.list({}), [ruleOf()])
  })

  it('takes more rules than fit into one transaction', async () => {
    const { admin, store } = acls
    const many = Array.from({ length: 350 }, (_, i) => ruleOf({ resourceName: `${i}${'ü'.repeat(900)}` }))
    const before = (await store.range('')).revision
    assert.deepEqual(
      (await admin.create(many)).filter((each) => each !== undefined),
      [],
    )
    assert.ok((await store.range('')).revision - before >= 4)
    const [deleted] = await admin.delete([{ resourceType: 'topic' }])
    assert.equal(deleted!.filter(({ error }) => error === undefined).length, 350)
    assert.deepEqual(admin.list({}), [])
  })

  it('takes no more rules than its limit', async () => {
    const { store, feed } = acls
    const admin = new AclAdmin({ store, feed, ruleCountMax: 2 })
    await admin.create([ruleOf()])
    const more = (['write', 'delete'] as const).map((operation) => ruleOf({ operation }))
    const refused = await admin.create([...more, ruleOf({ host: '' })])
    assert.deepEqual(
      refused.map((each) => each?.code),
      ['limit-exceeded', 'limit-exceeded', 'invalid-request'],
    )
    assert.deepEqual(await admin.create([ruleOf(), more[0]!]), [undefined, undefined])
    assert.equal(admin.list({}).length, 2)
  })

  it('says which rules could not be stored', async () => {
    const { admin, store } = acls
    await admin.create([ruleOf()])
    await store.close()
    const outcomes = await admin.create([ruleOf({ operation: 'write' }), ruleOf({ host: '' })])
    assert.deepEqual(
      outcomes.map((each) => each?.code),
      ['stopping', 'invalid-request'],
    )
    await assert.rejects(admin.delete([{}]), BrokerError)
  })

  it('says of each rule what became of it where one step of several fails', async () => {
    const { store, feed, admin: whole } = acls
    const rules = Array.from({ length: 250 }, (_, i) => ruleOf({ resourceName: `topic-${i}` }))
    const failing = (step: number): AclAdmin => {
      let count = 0
      const transaction: typeof store.transaction = (parts) =>
        ++count === step ? Promise.reject(new MetadataError('unavailable', 'away')) : store.transaction(parts)
      return new AclAdmin({ store: { transaction, range: (prefix) => store.range(prefix) }, feed })
    }
    const expected = rules.map((_, i) => (i >= 100 && i < 200 ? 'storage' : undefined))
    const created = await failing(2).create(rules)
    assert.deepEqual(
      created.map((error) => error?.code),
      expected,
    )
    assert.deepEqual(new Set(whole.list({})), new Set(rules.filter((_, i) => created[i] === undefined)))
    await whole.create(rules)
    const [deleted] = await failing(2).delete([{}])
    assert.equal(deleted!.filter(({ error }) => error?.code === 'storage').length, 100)
    assert.deepEqual(new Set(whole.list({})), new Set(deleted!.flatMap(({ rule, error }) => (error ? [rule] : []))))
  })

  it('removes what this broker has not heard of yet', async () => {
    const { admin, store } = acls
    const rule = ruleOf({ principal: 'User:late' })
    await store.transaction({ then: [{ kind: 'put', key: aclKey(rule), value: encodeAcl(rule) }] })
    const [deleted] = await admin.delete([{ principal: 'User:late' }])
    assert.deepEqual(deleted, [{ rule, error: undefined }])
  })

  /** Puts values under keys as no broker would. */
  async function put(values: Record<string, string>): Promise<void> {
    const { store, feed } = acls
    const then = Object.entries(values).map(([key, value]) => ({ kind: 'put' as const, key: `/acls/${key}`, value }))
    const { revision } = await store.transaction({ then })
    await feed.reached(revision)
  }

  it('denies everybody what the key of an unreadable rule names, until it is removed', async () => {
    const { admin, authorizer, feed } = acls
    await admin.create([ruleOf({ resourceName: '*' })])
    const may = (name: string): boolean => authorizer.isAllowed(alice, '::1', 'read', { type: 'topic', name })
    await put({
      'topic/literal/orders/1': '{"permission":"deny","operation":"of-tomorrow"}',
      'topic/prefixed/pay%2F/2': 'null',
      'topic/literal/other/3': encodeAcl(ruleOf()),
    })
    assert.equal(feed.image.unreadableCount, 3)
    assert.deepEqual(['orders', 'pay/in', 'other', 'free'].map(may), [false, false, false, true])
    const denial = ruleOf({ principal: 'User:*', operation: 'all', permission: 'deny' })
    const shown = [denial, { ...denial, resourceName: 'other' }]
    assert.deepEqual(admin.list({ permission: 'deny', patternType: 'literal' }), shown)
    const [removed] = await admin.delete([{ permission: 'deny' }])
    assert.deepEqual(
      removed!.map(({ error }) => error),
      [undefined, undefined, undefined],
    )
    assert.deepEqual(['orders', 'pay/in', 'other'].map(may), [true, true, true])
  })

  it('denies everybody everything where not even the key can be read; super users can mend it', async () => {
    for (const key of [
      'nonsense',
      'token/literal/x/1',
      'topic/literal/a/b/1',
      'topic/literal/%/1',
      'topic/literal//1',
    ]) {
      const { admin, authorizer, close } = acls
      await admin.create([ruleOf()])
      assert.equal(authorizer.isAllowed(alice, '::1', 'read', orders), true)
      await put({ [key]: '' })
      for (const type of resourceTypes) {
        assert.equal(authorizer.isAllowed(alice, '::1', 'read', { type, name: 'orders' }), false, `${key} ${type}`)
        assert.equal(authorizer.isAllowedSomewhere(alice, '::1', 'read', type), false, `${key} ${type}`)
      }
      assert.equal(admin.list({ permission: 'deny' }).length, resourceTypes.length)
      const removed = await admin.delete([{ principal: 'User:*', permission: 'deny' }])
      assert.equal(removed[0]!.length, resourceTypes.length)
      assert.equal(authorizer.isAllowed(alice, '::1', 'read', orders), true)
      await close()
      acls = await openAcls()
    }
  })

  it('mends an unreadable rule by making it anew', async () => {
    const { admin, authorizer } = acls
    await put({ [aclKey(ruleOf()).slice('/acls/'.length)]: '{' })
    assert.equal(authorizer.isAllowed(alice, '::1', 'read', orders), false)
    assert.deepEqual(await admin.create([ruleOf()]), [undefined])
    assert.equal(authorizer.isAllowed(alice, '::1', 'read', orders), true)
    assert.deepEqual(admin.list({}), [ruleOf()])
  })
})

describe('a filter', () => {
  const rules = {
    own: ruleOf(),
    all: ruleOf({ resourceName: '*' }),
    prefix: ruleOf({ resourceName: 'ord', patternType: 'prefixed' }),
    other: ruleOf({ resourceName: 'orders.eu' }),
    samePrefix: ruleOf({ patternType: 'prefixed' }),
  }
  const meant = (filter: Parameters<typeof isMeant>[0]) =>
    Object.entries(rules)
      .filter(([, rule]) => isMeant(filter, rule))
      .map(([name]) => name)

  it('takes names as its pattern says', () => {
    assert.deepEqual(meant({}), Object.keys(rules))
    assert.deepEqual(meant({ resourceName: 'orders', patternType: 'literal' }), ['own'])
    assert.deepEqual(meant({ resourceName: 'orders', patternType: 'prefixed' }), ['samePrefix'])
    assert.deepEqual(meant({ resourceName: 'orders' }), ['own', 'samePrefix'])
    assert.deepEqual(meant({ resourceName: 'orders', patternType: 'match' }), ['own', 'all', 'prefix', 'samePrefix'])
    assert.deepEqual(meant({ patternType: 'prefixed' }), ['prefix', 'samePrefix'])
    assert.deepEqual(meant({ patternType: 'match' }), Object.keys(rules))
  })

  it('compares everything else as it is: "all" and "*" are no wildcards here', () => {
    assert.deepEqual(meant({ operation: 'all' }), [])
    assert.deepEqual(meant({ host: '192.0.2.1' }), [])
    assert.deepEqual(meant({ principal: 'User:*' }), [])
    assert.deepEqual(meant({ permission: 'deny' }), [])
    assert.deepEqual(meant({ resourceType: 'group' }), [])
  })
})

describe('a stored rule', () => {
  const text = fc.string({ minLength: 1, unit: 'grapheme' })
  const fields = {
    resourceType: fc.constantFrom(...resourceTypes),
    resourceName: text,
    patternType: fc.constantFrom(...patternTypes),
    principal: text,
    host: text,
    operation: fc.constantFrom(...operations, 'all' as const),
    permission: fc.constantFrom(...permissions),
  }
  const anyRule: fc.Arbitrary<AclRule> = fc.record(fields, { noNullPrototype: true })

  it('is read as it was written', () => {
    fc.assert(fc.property(anyRule, (rule) => assert.deepEqual(decodeAcl(encodeAcl(rule)), rule)))
  })

  it('has a key of its own', () => {
    fc.assert(
      fc.property(anyRule, anyRule, (one, other) => {
        assert.equal(aclKey(one) === aclKey(other), encodeAcl(one) === encodeAcl(other))
      }),
    )
  })
})
