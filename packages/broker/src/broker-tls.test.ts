import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findTlsFault, openTls } from './broker-tls.ts'
import { completeSettings } from './config/broker-settings.ts'
import { BrokerError } from './errors/errors.ts'
import { SimulatedWorld } from './host/simulated/simulated-world.ts'
import { silentLogger } from './telemetry/logger.ts'
import { MetricsRegistry } from './telemetry/metrics.ts'

const identity = { tlsCertificate: 'c.pem', tlsKey: 'k.pem' } as const

describe('settings of TLS', () => {
  it('are refused where they contradict each other', () => {
    for (const [given, fault] of [
      [{ tlsCertificate: 'c.pem' }, 'tls.certificate and tls.key go together'],
      [{ tlsKey: 'k.pem' }, 'tls.certificate and tls.key go together'],
      [{ tlsClientAuth: 'required' }, 'tls.client.auth needs tls.certificate and tls.key'],
      [{ httpTls: true }, 'http.tls.enable needs tls.certificate and tls.key'],
      [{ peerTls: true }, 'peer.tls.enable needs tls.certificate and tls.key'],
      [{ ...identity, httpTlsClientAuth: 'required' }, 'http.tls.client.auth needs http.tls.enable'],
      [
        { ...identity, tlsClientAuth: 'requested' },
        'tls.client.auth needs tls.ca, the authorities that sign certificates of clients',
      ],
      [
        { ...identity, httpTls: true, httpTlsClientAuth: 'required' },
        'http.tls.client.auth needs tls.ca, the authorities that sign certificates of clients',
      ],
    ] as const) {
      assert.equal(findTlsFault(completeSettings(given)), fault)
    }
    for (const given of [
      {},
      identity,
      {
        ...identity,
        tlsCa: 'ca.pem',
        tlsClientAuth: 'required',
        httpTls: true,
        httpTlsClientAuth: 'required',
        peerTls: true,
      },
    ] as const) {
      assert.equal(findTlsFault(completeSettings(given)), undefined)
    }
  })

  it('say which files are read, and who speaks TLS', async () => {
    const { host } = new SimulatedWorld(1).node('a')
    const credentials = { certificate: 'c', key: 'k' }
    const asked: unknown[] = []
    const open = (files: unknown) => {
      asked.push(files)
      return { credentials: () => credentials, reload: () => {}, expiresMs: 5000 }
    }
    const said = (logger = silentLogger) => ({ logger, metrics: new MetricsRegistry() })
    const plain = await openTls(completeSettings(), host, open, said())
    assert.deepEqual([plain.host, plain.http, asked], [host, undefined, []])
    const settings = completeSettings({ ...identity, tlsCa: 'ca.pem', tlsClientAuth: 'requested', httpTls: true })
    const { metrics } = said()
    const opened = await openTls(settings, host, open, { logger: silentLogger, metrics })
    assert.deepEqual(asked, [
      {
        certificate: { setting: 'tls.certificate', path: 'c.pem' },
        key: { setting: 'tls.key', path: 'k.pem' },
        authorities: { setting: 'tls.ca', path: 'ca.pem' },
      },
    ])
    assert.equal(opened.http?.clientAuthentication, 'none')
    assert.equal(opened.http.credentials(), credentials)
    assert.notEqual(opened.host.network, host.network)
    const [expiry] = metrics.families()
    assert.equal(expiry?.name, 'polylog_tls_certificate_expiry_timestamp_seconds')
    assert.deepEqual(
      [...expiry.readers[0]!()].map(({ value }) => value),
      [5],
    )
    await assert.rejects(openTls(settings, host, undefined, said()), BrokerError)
    const warned: string[] = []
    const logger = { ...silentLogger, warn: (event: string) => void warned.push(event) }
    await openTls({ ...settings, metadata: 'etcd://h:1', peerTls: true }, host, open, said(logger))
    assert.deepEqual(warned, [])
    await openTls({ ...settings, metadata: 'etcd://h:1' }, host, open, said(logger))
    assert.match(warned.join(), /without peer\.tls\.enable/)
  })
})
