// `npm run bench:webhooks`: delivers stored events to reachable endpoints, over a real Postgres, real connections and a receiver
// in a separate process that verifies every signature. Prints the rate and the memory during the run.
import { sql } from 'drizzle-orm'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import { events } from '../../drizzle/schema/index.ts'
import { createCheckedFetch } from '../../functions/node/checked-fetch.ts'
import { parseConfig } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'
import { LONG_LIVED } from '../../lib/control-plane/long-lived.ts'
import { createLog } from '../../lib/platform/log.ts'
import { rejectAddress, targetPolicy } from '../../lib/egress/egress-policy.ts'
import { CreateEndpointInput } from '../../lib/webhooks/endpoint-input.ts'
import { createEndpoint, listEndpoints } from '../../lib/webhooks/endpoints.ts'
import { deliverWebhooks } from '../../lib/webhooks/deliver.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { startReceiver } from '../../test/support/webhook-receiver.ts'
import { printJson } from './support/figures.ts'
import { benchOptions } from './support/options.ts'

const options = benchOptions(
  'bench:webhooks',
  'Delivers stored events: the rate, CPU, and the memory during the run.',
  {
    events: { says: 'stored before the delivery', default: 10_000 },
    endpoints: { says: 'that each get all of them', default: 5 },
    workspaces: { says: 'that the events are about', default: 200 },
  },
)
await run(options.events, options.endpoints, options.workspaces)

async function run(count: number, endpoints: number, workspaces: number): Promise<void> {
  const postgres = await startPostgres()
  const receiver = await startReceiver()
  try {
    await migratePostgres(postgres.url)
    const database = connectPostgres(postgres.url)
    const config = parseConfig({ SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 'b').toString('base64') })
    const policy = targetPolicy(config)
    const targets = createCheckedFetch((host, address) => rejectAddress(policy, host, address))
    const services = createServices(config, database, {
      fetch,
      fetchTarget: targets.fetch,
      log: createLog('warn', (line) => console.error(line)),
      longLived: LONG_LIVED,
    })
    const secrets: string[] = []
    for (let n = 0; n < endpoints; n++) {
      const input = CreateEndpointInput.parse({ url: `${receiver.url}/hook` })
      secrets.push((await createEndpoint(services, input, 'bench')).secret)
    }
    await receiver.control({ secrets, status: 204 })
    await fill(database.db, count, workspaces)

    const samples: number[] = []
    const sampler = setInterval(() => samples.push(process.memoryUsage().rss), 20)
    const cpu = process.cpuUsage()
    const began = performance.now()
    await deliverWebhooks(services)
    const seconds = (performance.now() - began) / 1000
    clearInterval(sampler)
    const { user, system } = process.cpuUsage(cpu)

    const deliveries = await receiver.received()
    const ids = new Set(deliveries.map(({ id }) => id))
    const behind = (await listEndpoints(services)).map(({ endpoint, last }) => last - endpoint.afterSeq)
    const quarters = [0, 1, 2, 3].map((n) => {
      const part = samples.slice((n * samples.length) / 4, ((n + 1) * samples.length) / 4)
      return (part.toSorted((a, b) => a - b)[Math.floor(part.length / 2)] ?? Number.NaN) / 2 ** 20
    })
    const verified = deliveries.filter((delivery) => delivery.verified).length
    const [first = Number.NaN, , , last = Number.NaN] = quarters
    if (options.json) {
      printJson([
        {
          title: 'webhooks, verified deliveries',
          value: (100 * verified) / (count * endpoints),
          unit: '%',
          atLeast: 100,
        },
        { title: 'webhooks, deliveries/s', value: deliveries.length / seconds },
        { title: 'webhooks, memory of the last quarter ÷ the first', value: last / first, atMost: 1.2 },
      ])
    } else {
      console.log(`${count} events to ${endpoints} endpoints, ${workspaces} workspaces`)
      console.log(`delivered      ${verified} verified, ${ids.size} ids`)
      console.log(`left           ${behind.join(', ')}`)
      console.log(
        `time           ${seconds.toFixed(1)} s, ${Math.round(deliveries.length / seconds)} deliveries/s`,
      )
      console.log(`CPU            ${((user + system) / 1000 / deliveries.length).toFixed(2)} ms for each`)
      console.log(
        `memory (RSS)   by quarters of the run: ${quarters.map((mb) => `${mb.toFixed(0)} MB`).join(', ')}`,
      )
    }
    await targets.close()
    await database.close()
  } finally {
    await receiver.close()
    await postgres.stop()
  }
}

async function fill(db: ReturnType<typeof connectPostgres>['db'], count: number, workspaces: number) {
  await db.execute(sql`
    insert into ${events} (workspace_id, type, generation, payload, at)
    select ('00000000-0000-4000-8000-' || lpad((n % ${workspaces}::int)::text, 12, '0'))::uuid, 'machine_created', 1,
      jsonb_build_object('status', 'provisioning', 'n', n, 'filling', repeat('x', 500)), now()
    from generate_series(1, ${count}::int) as n`)
}
