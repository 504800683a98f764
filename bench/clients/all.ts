import type { ClientName, MessageClient } from './client.ts'

/** Loads a client: only what is measured is in the process. */
export async function loadClient(name: ClientName): Promise<MessageClient> {
  switch (name) {
    case 'sdk':
      return (await import('./sdk.ts')).sdk
    case 'lean':
      return (await import('./lean.ts')).lean
    case 'rabbitmq':
      return (await import('./rabbitmq.ts')).rabbitmq
    case 'bullmq':
      return (await import('./bullmq.ts')).bullmq
    case 'kafkajs':
      return (await import('./kafkajs.ts')).kafkaJs
    case 'platformatic':
      return (await import('./platformatic.ts')).platformatic
  }
}
