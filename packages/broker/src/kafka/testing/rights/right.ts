import type { Api, Message } from '@polylog/wire'
import type { Operation, ResourceType } from '../../../image/acl.ts'
import type { TestBroker } from '../test-broker.ts'

/** What a request needs its client to be allowed, and how an answer without it shows that. */
export interface Right {
  readonly operation: Operation
  readonly type: ResourceType
  readonly name: string
  /** Without the right the answer lacks this word, and has no error; undefined if it says that the right is missing. */
  readonly hides: string | undefined
}

/** What the table's requests speak of. */
export interface World {
  readonly broker: TestBroker
  readonly topicId: string
  /** Asks on the connection of the test, with all rights there are. */
  callFreely<Output, Input>(
    api: Api<Message<Output, Input>, Message<unknown, unknown>>,
    version: number,
    request: NoInfer<Input>,
  ): Promise<unknown>
}

/** One kind of request of an API. */
export interface RightsCase {
  /** What the request does, for people. */
  readonly title: string
  readonly versions: readonly [first: number, last: number]
  /** The request for a version of the API. */
  readonly request: (version: number, world: World) => unknown
  /** Each is enough by itself; all rights of it are needed. */
  readonly ways: readonly (readonly Right[])[]
  /** The resource whose error a refused request gets, where it is not always that of the missing right. */
  readonly refusedAs?: ResourceType
}

/** An API with all that it asks for. An API without cases needs no right, and says why. */
export interface RightsRow {
  readonly api: Api
  readonly cases: readonly RightsCase[]
  readonly freely?: string
}

type CaseOf<Input> = Omit<RightsCase, 'versions' | 'request'> & {
  readonly versions?: readonly [first: number, last: number]
  readonly request: (version: number, world: World) => Input | Promise<Input>
}

/** A row whose requests are checked against the API. */
export function row<Output, Input>(
  api: Api<Message<Output, Input>, Message<unknown, unknown>>,
  ...cases: readonly CaseOf<NoInfer<Input>>[]
): RightsRow {
  return {
    api: api as unknown as Api,
    cases: cases.map((each) => ({ versions: api.versions, ...each })),
  }
}

/** A row of an API that everybody may use. */
export function free<Output, Input>(
  api: Api<Message<Output, Input>, Message<unknown, unknown>>,
  why: string,
): RightsRow {
  return { api: api as unknown as Api, cases: [], freely: why }
}

/** Names that the requests of the table use. */
export const names = {
  topic: 'orders',
  fresh: 'fresh',
  group: 'billing',
  shareGroup: 'workers',
  transactionalId: 'payments',
} as const

export function topic(operation: Operation, hides?: string): Right {
  return { operation, type: 'topic', name: names.topic, hides }
}

/** About a topic that the request makes. */
export function freshTopic(operation: Operation, hides?: string): Right {
  return { operation, type: 'topic', name: names.fresh, hides }
}

export function group(operation: Operation, hides?: string): Right {
  return { operation, type: 'group', name: names.group, hides }
}

export function shareGroup(operation: Operation): Right {
  return { operation, type: 'group', name: names.shareGroup, hides: undefined }
}

export function cluster(operation: Operation, hides?: string): Right {
  return { operation, type: 'cluster', name: 'kafka-cluster', hides }
}

export function transaction(operation: Operation): Right {
  return { operation, type: 'transactional-id', name: names.transactionalId, hides: undefined }
}
