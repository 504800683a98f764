import { Cluster, setPassword } from '@polylog/client/admin'
import { Authority } from '../../certificates/authority.ts'
import { CertificateFolder } from '../../certificates/certificate-folder.ts'
import { startEtcd } from '../../world/etcd.ts'
import { forwardPorts } from '../forward.ts'
import { SuiteBrokers } from '../suite-brokers.ts'

/**
 * The ports of the suite: each of its three brokers has one for anybody, one under TLS, and one under TLS for who logs in.
 * Polylog's brokers have a single one, so these are three clusters. Where no test needs more brokers than there are, the ports that are
 * left lead to the first.
 */
export const ports = { plain: [9092, 9095, 9098], tls: [9093, 9096, 9099], login: [9094, 9097, 9100] } as const

/** Whom the suite logs in. Its Kafka keeps a list of passwords for PLAIN, and those for SCRAM apart from it. */
const users = [
  { user: 'bob', password: 'bobbob' },
  { user: 'alice', password: 'alicealice' },
  { user: 'testscram', password: 'testtestscram=256', mechanisms: ['SCRAM-SHA-256'] },
  { user: 'testscram', password: 'testtestscram=512', mechanisms: ['SCRAM-SHA-512'] },
] as const
const admin = { user: 'test', password: 'testtest' }

/** As in the suite's docker-compose.2_4.yml. */
const settings = [
  'num.partitions=2',
  'default.replication.factor=2',
  'authorizer=acl',
  'allow.everyone.if.no.acl.found=true',
]

/** Starts the brokers that the suite expects. */
export async function startBrokers(log: string | undefined): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const etcd = stack.use(await startEtcd())
  const folder = stack.use(new CertificateFolder())
  const authority = new Authority('kafkajs')
  const { tlsCertificate, tlsKey } = folder.identity('broker', authority.issue({ hosts: ['localhost', '127.0.0.1'] }))
  const ca = folder.put('ca.pem', authority.certificate)
  const tls = [`tls.certificate=${tlsCertificate}`, `tls.key=${tlsKey}`, `tls.ca=${ca}`, 'peer.tls.enable=true']
  const passwordFile = folder.put('password', admin.password)
  const login = [
    'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    `bootstrap.user=${admin.user}`,
    `bootstrap.password.file=${passwordFile}`,
  ]
  const trust = { tls: { ca: authority.certificate } }
  const access = { ...trust, credentials: admin }
  const firstId = 0
  stack.use(await SuiteBrokers.start({ ports: ports.plain, firstId, settings, metadata: `${etcd.address}/plain`, log }))
  const alone = [...settings, 'default.replication.factor=1', ...tls]
  stack.use(await SuiteBrokers.start({ ports: ports.tls.slice(0, 1), firstId, settings: alone, access: trust, log }))
  const withLogin = stack.use(
    await SuiteBrokers.start({
      ports: ports.login.slice(0, 2),
      firstId,
      settings: [...settings, ...tls, ...login],
      metadata: `${etcd.address}/login`,
      access,
      log,
    }),
  )
  await using cluster = new Cluster({ brokers: withLogin.addresses, ...access })
  for (const each of users) await setPassword(cluster, each)
  stack.use(await forwardPorts(ports.tls.slice(1), { host: '127.0.0.1', port: ports.tls[0] }))
  stack.use(await forwardPorts(ports.login.slice(2), { host: '127.0.0.1', port: ports.login[0] }))
  return stack.move()
}
