import { chapters } from './chapters.ts'
import { defects } from './defects.ts'
import type { Requirement } from './requirement-row.ts'

/** Reports from the tests carry the id as the first word of the name. */
export const idPattern = /^[RKWVLCD][1-9]\d?(?= )/

const policies = 'policies.md'
const cluster = 'adr/0007-cluster.md'
const peers = 'protocols/broker.md'
const invariants = 'invariants.md'
const storage = 'data-directory.md'

const oneHome = { page: policies, file: 'one-home.test.ts' }
const alone = { page: policies, file: 'alone.test.ts' }
const mirrors = { page: policies, file: 'mirrors.test.ts' }
const placement = { page: policies, file: 'partitions.test.ts' }
const leadership = { page: cluster, file: 'leaders.test.ts' }
const writing = { page: peers, file: 'writing.test.ts' }
const visibility = { page: invariants, file: 'visibility.test.ts' }
const loss = { page: invariants, file: 'loss.test.ts' }

/**
 * What is owed, one row per requirement. R, K, W, V and L are the groups of the requirements that the cluster set out from:
 * RabbitMQ's three modes, Kafka's cluster, its way to write, what consumers may see, and where messages get lost. C are the
 * chapters and D the defects of the series that queues and SDK set out from.
 */
export const requirements: Readonly<Record<string, Requirement>> = {
  R1: { sentence: 'One broker takes and delivers messages without any configuration of a cluster.', ...alone },
  R2: {
    sentence: 'While that broker is down, nothing can be published or consumed; afterwards it can again.',
    ...alone,
  },
  R3: { sentence: 'Several brokers, each on its own, form one cluster.', ...oneHome },
  R4: {
    sentence: 'Without mirrors, the messages of a queue lie on its home broker and nowhere else.',
    ...oneHome,
  },
  R5: { sentence: 'Every broker describes a queue in the same way, its home included.', ...oneHome },
  R6: {
    sentence: 'A client that knows only a broker which is not the home can publish and consume.',
    ...oneHome,
    note: 'A Kafka client is told where the home is and goes there; a broker that passes messages on itself comes with AMQP.',
  },
  R7: {
    sentence: 'Consuming at the home costs no traffic between brokers; consuming at another broker does.',
    ...oneHome,
    note: 'At another broker means at a follower in the rack of the consumer; passing on without a copy comes with AMQP.',
  },
  R8: {
    sentence: 'While the home is down its queue is refused at once and clearly; queues with other homes go on.',
    ...oneHome,
  },
  R9: { sentence: 'Messages kept in memory only are lost when the home goes down; the queue stays.', ...oneHome },
  R10: { sentence: 'Persistent messages are back once their home is back, and not before.', ...oneHome },
  R11: {
    sentence: 'Queues spread over the brokers and share the load; one queue loads one broker only.',
    ...oneHome,
    note: 'Shown by bytes per broker; throughput is a matter of the benchmarks.',
  },
  R12: { sentence: 'Of a mirrored queue, several brokers have the metadata and the messages.', ...mirrors },
  R13: { sentence: 'A message that is confirmed is on every mirror by then.', ...mirrors },
  R14: {
    sentence: 'Any broker of a mirrored queue may die: work goes on and nothing confirmed is missing.',
    ...mirrors,
  },
  R15: {
    sentence: 'Mirroring is switched on by a policy that is added in a console, without touching clients.',
    page: policies,
    later: 'there is no console yet; the same policy over HTTP is what R12 to R20 use',
  },
  R16: { sentence: 'A policy mirrors to all brokers, or to those that it names.', ...mirrors },
  R17: { sentence: 'A queue that is made under a policy is mirrored without being asked for.', ...mirrors },
  R18: { sentence: 'Each further mirror costs the bytes of the message once more between brokers.', ...mirrors },
  R19: {
    sentence: 'Mirrors to all do not scale: a broker that joins gets everything, and nobody holds less.',
    ...mirrors,
  },
  R20: { sentence: 'Each queue has one master, and the others hold copies of its log.', ...mirrors },
  K1: { sentence: 'A cluster has several brokers, each a node of its own that clients can reach.', ...placement },
  K2: { sentence: 'Partitions of a topic lie on different brokers, each with a part of the records.', ...placement },
  K3: {
    sentence: 'Without replicas, a broker that is down takes its partitions with it, and no others.',
    ...placement,
  },
  K4: {
    sentence: 'Replicas of a partition are on different brokers; more than there are brokers is refused.',
    ...placement,
  },
  K5: {
    sentence: 'Replicas and leaders are spread evenly, to within one per broker.',
    ...placement,
    note: 'Replicas of all topics of users together, leaders topic by topic; the topics of the broker itself do not count.',
  },
  K6: { sentence: 'Each partition has exactly one leader, which is one of its replicas.', ...leadership },
  K7: { sentence: 'Only the leader takes writes; a follower refuses them and names it.', ...leadership },
  K8: { sentence: 'Only the leader serves reads; a follower refuses them and names it.', ...leadership },
  K9: {
    sentence:
      'When a broker dies, what it followed goes on undisturbed and what it led gets a leader that lost nothing.',
    ...leadership,
    note: 'A producer that waits for all waits until the dead one has left the in-sync set; others notice nothing.',
  },
  K10: { sentence: 'More brokers and partitions do scale a topic: each broker then holds less of it.', ...placement },
  W1: { sentence: 'The leader has a record on its own disk before any follower gets it.', ...writing },
  W2: { sentence: 'Followers fetch by themselves; nothing is pushed to them.', ...writing },
  W3: { sentence: 'A follower acknowledges what it has on its own disk.', ...writing },
  W4: {
    sentence: 'A producer is answered only after every follower has acknowledged.',
    ...writing,
    note: 'Every follower in sync; every replica, in sync or not, with polylog.acks.replicas=all. Both are shown.',
  },
  W5: { sentence: 'Each producer chooses whom to wait for: nobody, the leader, or all.', ...writing },
  V1: {
    sentence: 'Consumers are served by the leader only.',
    ...visibility,
    note: 'Unless replica.selector=rack-aware, see R7.',
  },
  V2: { sentence: 'A record is visible once all followers have it, and not before.', ...visibility },
  V3: { sentence: 'What a consumer has seen is still there after its leader has died.', ...visibility },
  L1: { sentence: 'Nothing is lost on its way to the broker, within it, or on its way to the consumer.', ...loss },
  L2: {
    sentence:
      'Each message is confirmed or refused by itself, sent again if no answer comes, without holding up the next.',
    ...loss,
    note: 'In Kafka terms: sequence numbers, error codes and idempotent retries. The AMQP form and transactions come later.',
  },
  L3: { sentence: 'A message is confirmed only after it is on disk.', ...loss },
  L4: {
    sentence: 'To survive a crash, a message needs a queue that is known and a level that stores it.',
    page: storage,
    file: 'loss.test.ts',
  },
  L5: { sentence: 'A consumer that crashes before it has acknowledged gets the message again.', ...loss },
  L6: {
    sentence: 'Several replicas, min.insync.replicas, acks=all and endless retries together lose nothing.',
    ...loss,
  },
  L7: {
    sentence: 'A leader that dies before its followers have copied takes nothing with it that was confirmed.',
    ...loss,
  },
  ...chapters,
  ...defects,
}
