/** Values of the keys that are neither topics nor partitions; all JSON. */

export interface ClusterRecord {
  /** 22 characters, base64url of a UUID; what Kafka clients see. */
  readonly id: string
  /** 64 hexadecimal digits: brokers prove to each other that they know it. Whoever reads the store is a broker. */
  readonly secret: string
}

/** A broker that is up. */
export interface BrokerRecord {
  /** Of the data directory. */
  readonly directoryId: string
  /** Where clients and other brokers connect. */
  readonly host: string
  readonly port: number
  /** '' for none. */
  readonly rack: string
  readonly version: string
  /** `stopping`: shall lead nothing and goes as soon as that is so. */
  readonly status: 'serving' | 'stopping'
  /** No data has been lost by this broker since this broker epoch; 0: never. */
  readonly intactSince: number
}

/** A broker with what the store knows of its key. */
export interface LiveBroker extends BrokerRecord {
  readonly id: number
  /** Broker epoch: create revision of its key. */
  readonly epoch: number
}

export interface IdentityRecord {
  readonly directoryId: string
  /** As in the last registration, so that an unclean stop is not forgotten by a clean one after it. */
  readonly intactSince: number
}

export interface ControllerRecord {
  readonly brokerId: number
  readonly brokerEpoch: number
}

/** The elected controller; `epoch` is the create revision of its key, compared by each of its writes. */
export interface Controller extends ControllerRecord {
  readonly epoch: number
}

export interface DrainRecord {
  readonly requestedAtMs: number
}

/** A placement policy in RabbitMQ's terms; see controller/policy.ts for what each key means. */
export interface PolicyRecord {
  /** Regular expression on topic and queue names. */
  readonly pattern: string
  /** The highest that matches wins; ties go to the name that sorts first. */
  readonly priority: number
  readonly applyTo: 'all' | 'topics' | 'queues'
  readonly definition: Readonly<Record<string, unknown>>
}

export interface Policy extends PolicyRecord {
  readonly name: string
}
