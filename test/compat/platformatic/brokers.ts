import { CertificateFolder } from '../../certificates/certificate-folder.ts'
import { startEtcd } from '../../world/etcd.ts'
import { forwardPorts } from '../forward.ts'
import { SuiteBrokers } from '../suite-brokers.ts'
import { loginAs } from './login.ts'

/** The ports of the suite: a broker on its own, one for who logs in, a door to it for who need not, and a cluster of three. */
export const ports = { single: 9001, login: 9002, door: 19002, cluster: [9011, 9012, 9013] } as const

const admin = { user: 'admin', password: 'admin' }
const firstId = 1

/** Starts the brokers that the suite expects, as its docker-compose.yml sets them up. */
export async function startBrokers(log: string | undefined): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const etcd = stack.use(await startEtcd())
  const folder = stack.use(new CertificateFolder())
  stack.use(await SuiteBrokers.start({ ports: [ports.single], firstId, settings: [], log }))
  const login = [
    'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'connections.max.reauth.ms=5000',
    `bootstrap.user=${admin.user}`,
    `bootstrap.password.file=${folder.put('password', admin.password)}`,
  ]
  const access = { credentials: admin }
  stack.use(await SuiteBrokers.start({ ports: [ports.login], firstId, settings: login, access, log }))
  const broker = { host: '127.0.0.1', port: ports.login }
  stack.use(await forwardPorts([ports.door], broker, (socket) => loginAs(socket, admin)))
  const cluster = ['default.replication.factor=1', 'authorizer=acl', 'super.users=User:ANONYMOUS']
  stack.use(await SuiteBrokers.start({ ports: ports.cluster, firstId, settings: cluster, metadata: etcd.address, log }))
  return stack.move()
}
