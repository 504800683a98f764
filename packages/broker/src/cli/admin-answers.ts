/** What the admin API answers, as far as commands use it (docs/http-api.md). */

export interface BrokerAnswer {
  readonly id: number
  readonly state: 'serving' | 'stopping' | 'down'
  readonly draining: boolean
  readonly address: { readonly host: string; readonly port: number } | null
  readonly rack: string | null
  readonly version: string | null
  readonly leaders: number
  readonly replicas: number
  readonly inSync: number
}

export interface ClusterAnswer {
  readonly clusterId: string
  readonly answeredBy: { readonly brokerId: number; readonly version: string }
  readonly controller: { readonly brokerId: number } | null
  readonly brokers: readonly BrokerAnswer[]
  readonly topics: number
  readonly partitions: {
    readonly total: number
    readonly offline: number
    readonly underReplicated: number
    readonly moving: number
  }
}

export interface TopicAnswer {
  readonly name: string
  readonly partitions: readonly { readonly partition: number }[]
}

export interface DrainAnswer {
  readonly brokerId: number
  readonly draining: boolean
  readonly replicas: number
  readonly leaders: number
}

export interface ResultsAnswer {
  readonly done: number
  readonly failed: number
  readonly results: readonly {
    readonly topic: string
    readonly partition: number
    readonly error?: string
    readonly message?: string
  }[]
}

export interface ReassignmentsAnswer {
  readonly reassignments: readonly {
    readonly topic: string
    readonly partition: number
    readonly replicas: readonly number[]
    readonly adding: readonly number[]
    readonly removing: readonly number[]
  }[]
}

export interface PolicyAnswer {
  readonly name: string
  readonly pattern: string
  readonly priority: number
  readonly applyTo: string
  readonly definition: Readonly<Record<string, unknown>>
  readonly fault: string | null
}
