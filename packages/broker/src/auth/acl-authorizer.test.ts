import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { operations, patternTypes, permissions } from '../image/acl.ts'
import type { AclRule, Operation } from '../image/acl.ts'
import { aclKey } from '../image/keys.ts'
import { AclAuthorizer } from './acl-authorizer.ts'
import type { AclAuthorizerOptions } from './acl-authorizer.ts'
import { canonicalHost } from './acl-index.ts'
import { ruleOf } from './acl.fixture.ts'
import { formatPrincipal, parsePrincipal } from './principal.ts'
import type { Principal } from './principal.ts'

const alice = { type: 'User', name: 'alice' }
const bob = { type: 'User', name: 'bob' }

function authorizerWith(rules: readonly Partial<AclRule>[], options?: AclAuthorizerOptions): AclAuthorizer {
  const authorizer = new AclAuthorizer(options)
  for (const rule of rules.map(ruleOf)) authorizer.add(aclKey(rule), rule)
  return authorizer
}

function mayTopic(authorizer: AclAuthorizer, operation: Operation, name = 'orders', who = alice, host = '192.0.2.1') {
  return authorizer.isAllowed(who, host, operation, { type: 'topic', name })
}

describe('access rules', () => {
  it('allow what they name and nothing else', () => {
    const authorizer = authorizerWith([{}])
    assert.equal(mayTopic(authorizer, 'read'), true)
    assert.equal(mayTopic(authorizer, 'write'), false)
    assert.equal(mayTopic(authorizer, 'read', 'orders2'), false)
    assert.equal(mayTopic(authorizer, 'read', 'orders', bob), false)
    assert.equal(authorizer.isAllowed(alice, '192.0.2.1', 'read', { type: 'group', name: 'orders' }), false)
  })

  it('include describe in read, write, delete and alter, but only where they allow', () => {
    for (const operation of ['read', 'write', 'delete', 'alter'] as const) {
      assert.equal(mayTopic(authorizerWith([{ operation }]), 'describe'), true)
      const denied = authorizerWith([{ operation: 'describe' }, { operation, permission: 'deny' }])
      assert.deepEqual([mayTopic(denied, operation), mayTopic(denied, 'describe')], [false, true])
    }
    assert.equal(mayTopic(authorizerWith([{ operation: 'create' }]), 'describe'), false)
    assert.equal(mayTopic(authorizerWith([{ operation: 'alter-configs' }]), 'describe-configs'), true)
    assert.equal(mayTopic(authorizerWith([{ operation: 'describe-configs' }]), 'alter-configs'), false)
  })

  it('that deny outweigh those that allow, however general either is', () => {
    const deny = { operation: 'all', permission: 'deny', principal: 'User:*', resourceName: '*' } as const
    assert.equal(mayTopic(authorizerWith([{}, deny]), 'read'), false)
    const allow = { operation: 'all', principal: 'User:*', resourceName: '*' } as const
    const some = authorizerWith([allow, { permission: 'deny', patternType: 'prefixed', resourceName: 'ord' }])
    assert.deepEqual(
      [mayTopic(some, 'read'), mayTopic(some, 'write'), mayTopic(some, 'read', 'x')],
      [false, true, true],
    )
  })

  it('about a prefix are about all names that begin with it', () => {
    const authorizer = authorizerWith([{ patternType: 'prefixed' }])
    assert.equal(mayTopic(authorizer, 'read', 'orders'), true)
    assert.equal(mayTopic(authorizer, 'read', 'orders.eu'), true)
    assert.equal(mayTopic(authorizer, 'read', 'order'), false)
    assert.equal(mayTopic(authorizerWith([{ patternType: 'prefixed', resourceName: '*' }]), 'read'), false)
  })

  it('know hosts in whatever form they are written', () => {
    const from = (host: string, client: string) => mayTopic(authorizerWith([{ host }]), 'read', 'orders', alice, client)
    assert.equal(from('192.0.2.1', '192.0.2.1'), true)
    assert.equal(from('192.0.2.1', '192.0.2.2'), false)
    assert.equal(from('0:0:0:0:0:0:0:1', '::1'), true)
    assert.equal(from('2001:DB8::1', '2001:db8:0:0::1'), true)
    assert.equal(from('192.0.2.1', '::ffff:192.0.2.1'), true)
    assert.equal(from('no:address', '::1'), false)
  })

  it('are no matter to super users; without any about a resource, a setting decides', () => {
    const deny = { permission: 'deny', operation: 'all', principal: 'User:*' } as const
    assert.equal(mayTopic(authorizerWith([deny], { superUsers: ['User:alice'] }), 'write'), true)
    const open = authorizerWith([{ principal: 'User:bob' }], { allowsIfNoRule: true })
    assert.deepEqual([mayTopic(open, 'write', 'free'), mayTopic(open, 'write', 'orders')], [true, false])
  })

  it('that change are asked again', () => {
    const authorizer = authorizerWith([])
    assert.equal(mayTopic(authorizer, 'read'), false)
    authorizer.add('key', ruleOf())
    assert.equal(mayTopic(authorizer, 'read'), true)
    authorizer.remove('key', ruleOf())
    assert.equal(mayTopic(authorizer, 'read'), false)
  })

  it('are remembered for a bounded number of names', () => {
    const authorizer = authorizerWith([{ patternType: 'prefixed', resourceName: 'a' }], { decisionCountMax: 100 })
    for (let i = 0; i < 1000; i++) {
      assert.equal(mayTopic(authorizer, 'read', `a${i}`), true)
      assert.ok(authorizer.rememberedCount <= 100)
    }
    assert.ok(authorizer.rememberedCount > 0)
  })

  it('for writing anywhere are found (KIP-679)', () => {
    const somewhere = (...rules: Partial<AclRule>[]) =>
      authorizerWith(rules.map((rule) => ({ operation: 'write', ...rule }))).isAllowedSomewhere(
        alice,
        '192.0.2.1',
        'write',
        'topic',
      )
    const deny = { permission: 'deny' } as const
    assert.equal(somewhere(), false)
    assert.equal(somewhere({}), true)
    assert.equal(somewhere({ operation: 'all' }), true)
    assert.equal(somewhere({ operation: 'read' }), false)
    assert.equal(somewhere({}, deny), false)
    assert.equal(somewhere({}, { ...deny, patternType: 'prefixed', resourceName: 'or' }), false)
    assert.equal(somewhere({ patternType: 'prefixed' }, deny), true)
    assert.equal(somewhere({ resourceName: '*' }, deny), true)
    assert.equal(somewhere({ resourceName: '*' }, { ...deny, resourceName: '*' }), false)
    assert.equal(authorizerWith([], { allowsIfNoRule: true }).isAllowedSomewhere(bob, '::1', 'write', 'topic'), true)
  })
})

const names = ['a', 'ab', 'abc', 'b', '*'] as const
const hosts = ['192.0.2.1', '::1'] as const
const principals = ['User:alice', 'User:bob', 'Bot:alice'] as const

const anyRule: fc.Arbitrary<AclRule> = fc.record({
  resourceType: fc.constantFrom('topic' as const, 'group' as const),
  resourceName: fc.constantFrom(...names),
  patternType: fc.constantFrom(...patternTypes),
  principal: fc.constantFrom(...principals, 'User:*'),
  host: fc.constantFrom(...hosts, '*', '0:0::1'),
  operation: fc.constantFrom(
    ...operations.slice(0, 6),
    'describe-configs' as const,
    'alter-configs' as const,
    'all' as const,
  ),
  permission: fc.constantFrom(...permissions),
})

const anyQuestion = fc.record({
  principal: fc.constantFrom(...principals),
  host: fc.constantFrom(...hosts),
  operation: fc.constantFrom(...operations),
  type: fc.constantFrom('topic' as const, 'group' as const),
  name: fc.constantFrom(...names, 'abcd', 'c'),
})
type Question = typeof anyQuestion extends fc.Arbitrary<infer Q> ? Q : never

/** The rules as prose has them, looked at one by one. */
class NaiveModel {
  readonly rules = new Map<string, AclRule>()
  readonly #options: AclAuthorizerOptions

  constructor(options: AclAuthorizerOptions) {
    this.#options = options
  }

  isAllowed({ principal, host, operation, type, name }: Question): boolean {
    if ([...this.#options.superUsers!].includes(principal)) return true
    const about = [...this.rules.values()].filter(
      (rule) =>
        rule.resourceType === type &&
        (rule.patternType === 'literal'
          ? rule.resourceName === name || rule.resourceName === '*'
          : name.startsWith(rule.resourceName)),
    )
    if (about.length === 0) return this.#options.allowsIfNoRule!
    const mine = about.filter(
      (rule) => [principal, 'User:*'].includes(rule.principal) && ['*', host].includes(canonicalHost(rule.host)),
    )
    const denies = mine.filter(({ permission }) => permission === 'deny')
    if (denies.some((rule) => ['all', operation].includes(rule.operation))) return false
    const enough: string[] = ['all', operation]
    if (operation === 'describe') enough.push('read', 'write', 'delete', 'alter')
    if (operation === 'describe-configs') enough.push('alter-configs')
    return mine.some((rule) => rule.permission === 'allow' && enough.includes(rule.operation))
  }
}

describe('AclAuthorizer', () => {
  it('decides as a naive model does, while rules come and go', () => {
    const step = fc.oneof(
      fc.record({ add: anyRule }),
      fc.record({ remove: fc.nat(20) }),
      fc.record({ ask: fc.array(anyQuestion, { minLength: 1, maxLength: 8 }) }),
    )
    const someOptions = fc.record({ superUsers: fc.constantFrom([], ['User:bob']), allowsIfNoRule: fc.boolean() })
    let allowed = 0
    let asked = 0
    fc.assert(
      fc.property(someOptions, fc.array(step, { maxLength: 40 }), (options, steps) => {
        const model = new NaiveModel(options)
        const authorizer = new AclAuthorizer(options)
        const known = new Map<string, Principal>(principals.map((each) => [each, parsePrincipal(each)!]))
        for (const each of steps) {
          if ('add' in each) {
            model.rules.set(aclKey(each.add), each.add)
            authorizer.add(aclKey(each.add), each.add)
          } else if ('remove' in each) {
            const [key, rule] = [...model.rules][each.remove] ?? []
            if (key === undefined) continue
            model.rules.delete(key)
            authorizer.remove(key, rule!)
          } else {
            for (const question of each.ask) {
              const { principal, host, operation, type, name } = question
              const answer = authorizer.isAllowed(known.get(principal)!, host, operation, { type, name })
              assert.equal(answer, model.isAllowed(question), JSON.stringify(question))
              asked += 1
              if (answer) allowed += 1
            }
          }
        }
      }),
      { numRuns: 500 },
    )
    // Else nothing would have been compared.
    assert.ok(allowed > asked / 20 && allowed < asked * 0.95, `${allowed} of ${asked}`)
  })

  it('finds the right to write somewhere wherever a name shows it', () => {
    fc.assert(
      fc.property(fc.array(anyRule, { maxLength: 8 }), anyQuestion, (rules, question) => {
        const authorizer = authorizerWith(rules)
        const principal = parsePrincipal(question.principal)!
        const found = authorizer.isAllowedSomewhere(principal, question.host, 'write', 'topic')
        // With these names, any right there is shows at one of them, with a tail that no literal rule has.
        const shown = ['a', 'ab', 'abc', 'b', '*', 'a-', 'ab-', 'abc-', 'b-', '*-', 'c-'].some((name) =>
          authorizer.isAllowed(principal, question.host, 'write', { type: 'topic', name }),
        )
        assert.equal(found, shown)
      }),
      { numRuns: 500 },
    )
  })

  it('tells principals with the same name apart by their type', () => {
    const authorizer = authorizerWith([{}])
    assert.equal(mayTopic(authorizer, 'read', 'orders', { type: 'Bot', name: 'alice' }), false)
    assert.equal(formatPrincipal(alice), 'User:alice')
  })
})
