// A work queue: three workers share the jobs, a job that fails is tried again, and closing loses nothing.
import { connect } from '@polylog/client'
import { startBroker } from 'polylog'

await using broker = await startBroker({ partitionCountDefault: 3 })
await using client = await connect({ brokers: `${broker.kafka.host}:${broker.kafka.port}` })

const producer = client.producer()
await producer.sendBatch(
  'jobs',
  Array.from({ length: 30 }, (_, i) => ({ value: `job ${i}` })),
)

const done = new Set<string>()
const workers = client.consumer('workers').topic('jobs').concurrency(4).retry({ attempts: 3, initialMs: 10 })
for (let i = 0; i < 3; i++) {
  await workers.start((message) => {
    const job = String(message.value)
    // Returning accepts, throwing tries again, here or elsewhere.
    if (job === 'job 7' && message.deliveryCount === 1) throw new Error('the printer is out of paper')
    done.add(job)
  })
}
while (done.size < 30) await new Promise((resolve) => setTimeout(resolve, 10))
console.log(done.size, 'jobs done') // 30 jobs done
