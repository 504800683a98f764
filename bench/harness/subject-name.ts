import type { ClientName } from '../clients/client.ts'

/** What the name of a broker that the harness starts says: `PRODUCT[-BROKERS[-rfREPLICAS]][:VARIANT][+CLIENT]`. */
export interface SubjectName {
  readonly product: 'polylog' | 'kafka' | 'limit' | 'rabbitmq' | 'bullmq'
  /** 1: a broker alone. More: a cluster. */
  readonly brokers: number
  /** Replicas of every topic. */
  readonly replicas: number
  /** Behind the colon: polylog's durability, or how the limit server syncs. */
  readonly variant: string | undefined
  /** Behind the plus: who drives the same broker, in workloads about clients; undefined: the usual one. */
  readonly client: ClientName | undefined
}

const VARIANTS: Readonly<Record<SubjectName['product'], readonly string[]>> = {
  polylog: ['fsync', 'os', 'memory'],
  kafka: [],
  limit: ['fdatasync'],
  rabbitmq: [],
  bullmq: [],
}
/** Of brokers that speak Kafka's protocol, beside the SDK. */
const CLIENTS: readonly string[] = ['lean', 'kafkajs', 'platformatic'] satisfies ClientName[]
const REPLICAS_USUAL_MAX = 3
const PATTERN = /^(polylog|kafka|limit|rabbitmq|bullmq)(?:-([2-9])(?:-rf([1-9]))?)?(?::(\w+))?(?:\+(\w+))?$/

/** Undefined for a name that stands for nothing the harness can start. */
export function parseSubjectName(name: string): SubjectName | undefined {
  const parts = PATTERN.exec(name)
  if (parts === null) return undefined
  const [, , brokerText = '1', replicaText, variant, client] = parts
  const product = parts[1] as SubjectName['product']
  const brokers = Number(brokerText)
  const replicas = replicaText === undefined ? Math.min(brokers, REPLICAS_USUAL_MAX) : Number(replicaText)
  const isKafka = product === 'polylog' || product === 'kafka'
  if (replicas > brokers) return undefined
  if (!isKafka && brokers > 1) return undefined
  if (variant !== undefined && !VARIANTS[product].includes(variant)) return undefined
  if (client !== undefined && !(isKafka && brokers === 1 && CLIENTS.includes(client))) return undefined
  return { product, brokers, replicas, variant, client: client as ClientName | undefined }
}
