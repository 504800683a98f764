import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { NamePattern } from './name-pattern.ts'
import { PatternSyntaxError } from './pattern-syntax.ts'

const leaf = fc.constantFrom('a', 'b', '.', '\\.', '[ab]', '[^a]', '[a-c]', '\\d', '\\w', '\\S', '-', '[.-]', '[\\d_]')
const { pattern } = fc.letrec<{ pattern: string; part: string }>((tie) => ({
  part: fc.oneof(
    { weight: 5, arbitrary: leaf },
    { weight: 2, arbitrary: tie('pattern').map((inner) => `(${inner})`) },
    { weight: 1, arbitrary: tie('pattern').map((inner) => `(?:${inner})`) },
  ),
  pattern: fc
    .array(fc.tuple(tie('part'), fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,3}', '{2,}', '*?', '|')), {
      maxLength: 4,
    })
    .map((parts) => parts.map(([part, quantifier]) => part + quantifier).join('')),
}))
const anchored = fc
  .tuple(fc.constantFrom('', '^', '^(?!a)', '^(?=.b)', '^(?!ab|b$)'), pattern, fc.constantFrom('', '$'))
  .map((parts) => parts.join(''))
const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.', '-', '_', '7'), maxLength: 12 })

describe('NamePattern', () => {
  it('agrees with the RegExp of the language on every pattern and name', () => {
    fc.assert(
      fc.property(anchored, fc.array(name, { minLength: 1, maxLength: 8 }), (text, names) => {
        const ours = NamePattern.parse(text)
        const theirs = new RegExp(text, 'u')
        for (const each of names) assert.equal(ours.matches(each), theirs.test(each), `${text} on ${each}`)
      }),
      { numRuns: 400 },
    )
  })

  it('takes no more time for patterns that make other engines hang', () => {
    const long = `${'a'.repeat(254)}!`
    for (const text of [
      '^(a+)+$',
      '^(a|a)*$',
      '^(a|aa)+$',
      `${'.*'.repeat(40)}x$`,
      '^(([a-z])+.)+[A-Z]([a-z])+$',
      '^(?!(a*)*b)(a*)*$',
    ]) {
      assert.equal(NamePattern.parse(text).matches(long), false, text)
    }
  })

  it('says what is wrong with a text that is no pattern', () => {
    const faults: [string, RegExp][] = [
      ['(', /lacks a "\)"/],
      ['a)', /"\)" too many/],
      ['[a', /lacks a "\]"/],
      ['*a', /nothing to repeat/],
      ['a**', /two quantifiers/],
      ['a{x}', /not a count/],
      ['a{3,1}', /before its start/],
      ['a{999}', /more than 250/],
      ['(a{250}){250}', /too large/],
      ['(a)\\1', /"\\1", which is not supported/],
      ['(((((){250}){250}){250}){250})', /too large/],
      ['a(?=b)', /right behind/],
      ['(?<=a)b', /not supported/],
      ['a\\', /ends with/],
      ['[z-a]', /range/],
      ['^*', /no character/],
      ['x'.repeat(257), /more than 256/],
      [`${'('.repeat(30)}${')'.repeat(30)}`, /deeper than 20/],
    ]
    for (const [text, fault] of faults) {
      assert.throws(
        () => NamePattern.parse(text),
        (error) => error instanceof PatternSyntaxError && fault.test(error.message),
        text,
      )
    }
  })

  it('is found anywhere unless anchored, and works on characters rather than code units', () => {
    assert.ok(NamePattern.parse('orders').matches('eu.orders.1'))
    assert.ok(NamePattern.parse('').matches('anything'))
    assert.ok(NamePattern.parse('^.$').matches('😀'))
    assert.ok(!NamePattern.parse('^(?!amq\\.).*').matches('amq.direct'))
  })
})
