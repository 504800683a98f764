import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkAnonymousNetwork, isLoopback, warnOfBarePasswords } from './anonymous-network.ts'
import { completeSettings } from './config/broker-settings.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import { BrokerError } from './errors/errors.ts'
import { silentLogger } from './telemetry/logger.ts'

const anywhere = { host: '0.0.0.0', port: 9092 }

/** Settings that were warned of, or the message of the refusal. */
function verdict(given: Partial<BrokerSettings>, hasLogin = false): string[] | string {
  const warned: string[] = []
  const logger = {
    ...silentLogger,
    warn: (_event: string, fields = {}) => void warned.push(fields['setting' as never]),
  }
  try {
    checkAnonymousNetwork(completeSettings(given), hasLogin, logger)
    return warned
  } catch (error) {
    assert.ok(error instanceof BrokerError && error.code === 'invalid-config')
    return error.message
  }
}

describe('the rule about anonymous clients', () => {
  it('lets a broker start that only this machine reaches', () => {
    assert.deepEqual(verdict({}), [])
    assert.deepEqual(verdict({ kafkaAddress: { host: '::1', port: 1 }, httpAddress: undefined }), [])
  })

  it('refuses a port that others reach, and names it and the ways out', () => {
    for (const [given, named] of [
      [{ kafkaAddress: anywhere }, /^kafka\.address 0\.0\.0\.0:9092 can be reached from other machines/],
      [{ kafkaAddress: { host: 'broker-1.example', port: 9092 } }, /^kafka\.address broker-1/],
      [{ httpAddress: anywhere }, /^http\.address 0\.0\.0\.0:9092 .* or http\.tls\.client\.auth=required/],
      [{ kafkaAddress: anywhere, httpAddress: anywhere }, /^kafka\.address/],
    ] as const) {
      const said = verdict(given)
      assert.equal(typeof said, 'string', JSON.stringify(given))
      assert.match(String(said), named)
      assert.match(String(said), /sasl\.enabled\.mechanisms .*allow\.anonymous\.network=true.*docs\/security\.md/)
    }
  })

  it('warns at each start where that is allowed', () => {
    const given = { kafkaAddress: anywhere, httpAddress: anywhere, allowAnonymousNetwork: true }
    assert.deepEqual(verdict(given), ['kafka.address', 'http.address'])
    assert.deepEqual(verdict({ ...given, httpAddress: undefined }), ['kafka.address'])
    assert.deepEqual(verdict({ allowAnonymousNetwork: true }), [])
  })

  it('takes a login, or a certificate that each client must show, for saying who one is', () => {
    const open = { kafkaAddress: anywhere, httpAddress: anywhere }
    assert.deepEqual(verdict(open, true), [])
    assert.deepEqual(verdict({ ...open, tlsClientAuth: 'required', httpTlsClientAuth: 'required' }), [])
    assert.match(String(verdict({ ...open, tlsClientAuth: 'requested' })), /^kafka\.address/)
    assert.match(String(verdict({ ...open, tlsClientAuth: 'required' })), /^http\.address/)
    // Privacy alone says nothing of who somebody is.
    const secured = { tlsCertificate: 'c', tlsKey: 'k', httpTls: true }
    assert.match(String(verdict({ ...open, ...secured })), /^kafka\.address/)
  })

  it('warns of passwords that others can read', () => {
    const warned = (given: Partial<BrokerSettings>, hasLogin = true): string[] => {
      const settings: string[] = []
      const logger = {
        ...silentLogger,
        warn: (_event: string, fields = {}) => void settings.push(fields['setting' as never]),
      }
      warnOfBarePasswords(completeSettings(given), hasLogin, logger)
      return settings
    }
    const plain = { kafkaAddress: anywhere, httpAddress: anywhere, saslMechanisms: ['PLAIN'] } as const
    assert.deepEqual(warned(plain), ['kafka.address', 'http.address'])
    assert.deepEqual(warned({ ...plain, saslMechanisms: ['SCRAM-SHA-256'] }), ['http.address'])
    assert.deepEqual(warned({ ...plain, tlsCertificate: 'c', tlsKey: 'k' }), ['http.address'])
    assert.deepEqual(warned({ ...plain, tlsCertificate: 'c', tlsKey: 'k', httpTls: true }), [])
    assert.deepEqual(warned({ saslMechanisms: ['PLAIN'] }), [])
    assert.deepEqual(warned({ ...plain, saslMechanisms: [] }, false), [])
  })

  it('knows loopback addresses, and takes no other name for one', () => {
    for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopback(host))
    for (const host of ['0.0.0.0', '::', '', '10.0.0.1', 'localhost.example', '127.0.0.1.example', '1127.0.0.1']) {
      assert.ok(!isLoopback(host), host)
    }
  })
})
