// webhooks: endpoints that receive events, and their deliveries.
import type { Command } from 'commander'
import type { components } from '../../client/api.d.ts'
import type { Client, EventType } from '../../client/client.ts'
import { contextOf } from '../context.ts'
import { defined } from '../defined.ts'
import { findId } from '../find-by-id.ts'
import { findWorkspaceId } from '../find-workspace.ts'
import { wholeNumber } from '../number-option.ts'
import { age, clean, print, printJson, printTable, report } from '../output.ts'
import { repeated } from '../repeated.ts'

type Endpoint = components['schemas']['WebhookEndpoint']

type CreateFlags = {
  type?: string[]
  workspace?: string
  description?: string
  after?: number
  ordered: boolean
}

const ENDPOINT: [string, string] = ['<id>', 'id of the endpoint, or its beginning']

const EXAMPLES = `
Examples:
  molecule-fly webhooks create https://example.com/events --type gave_up --type machine_lost
  molecule-fly webhooks test 3f2a                        the beginning of an id is enough
  molecule-fly webhooks replay 3f2a                      after the receiver works again`

export function addWebhookCommands(program: Command): void {
  const webhooks = program
    .command('webhooks')
    .description('list, create, test and delete endpoints that receive events')
    .addHelpText('after', EXAMPLES)

  webhooks
    .command('ls')
    .description('list endpoints')
    .action(async (_flags, command: Command) => {
      const { client, json } = contextOf(command)
      const { data = [] } = await client.api.GET('/webhook-endpoints')
      if (json) return printJson(data)
      printEndpoints(data)
    })

  webhooks
    .command('create')
    .description('create an endpoint; its secret is printed once')
    .argument('<url>', 'address that receives the events')
    .option('--type <type>', 'only events of this type; repeat it for several', repeated)
    .option('-w, --workspace <workspace>', 'only events of this workspace')
    .option('--description <text>', 'a note for people')
    .option(
      '--after <number>',
      'begin with the events after this number; 0: all that are kept',
      wholeNumber(0),
    )
    .option('--no-ordered', 'let events overtake earlier ones that could not be delivered')
    .action(async (url: string, flags: CreateFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const { after, description, ordered, type, workspace } = flags
      const { data } = await client.api.POST('/webhook-endpoints', {
        body: {
          url,
          ordered,
          ...defined({
            after,
            description,
            // The server knows the types, and refuses an unknown one by name.
            types: type as EventType[] | undefined,
            workspace_id: workspace === undefined ? undefined : await findWorkspaceId(client, workspace),
          }),
        },
      })
      if (json) return printJson(data)
      print(`id      ${data?.id ?? ''}`)
      print(`secret  ${data?.secret ?? ''}`)
    })

  for (const verb of ['enable', 'disable'] as const) {
    webhooks
      .command(verb)
      .description(
        verb === 'enable'
          ? 'send events again, those that were missed first'
          : 'send nothing until it is enabled',
      )
      .argument(...ENDPOINT)
      .action(async (reference: string, _flags, command: Command) => {
        const { client, json } = contextOf(command)
        const { data } = await client.api.PATCH('/webhook-endpoints/{endpoint}', {
          params: { path: await endpointOf(client, reference) },
          body: { enabled: verb === 'enable' },
        })
        if (json || data === undefined) return printJson(data)
        printEndpoints([data])
      })
  }

  webhooks
    .command('test')
    .description('deliver a test event at once')
    .argument(...ENDPOINT)
    .action(async (reference: string, _flags, command: Command) => {
      const { client, json } = contextOf(command)
      const { data } = await client.api.POST('/webhook-endpoints/{endpoint}/test', {
        params: { path: await endpointOf(client, reference) },
      })
      if (json) printJson(data)
      else
        print(
          data?.delivered === true ? `delivered in ${data.ms} ms` : clean(data?.message ?? 'not delivered'),
        )
      if (data?.delivered !== true) process.exitCode = 1
    })

  webhooks
    .command('rotate')
    .description('make a new secret, and print it once; the old one stays valid for a while')
    .argument(...ENDPOINT)
    .option('--overlap <hours>', 'how long deliveries are signed with both', wholeNumber(0), 24)
    .action(async (reference: string, { overlap }: { overlap: number }, command: Command) => {
      const { client, json } = contextOf(command)
      const { data } = await client.api.POST('/webhook-endpoints/{endpoint}/rotate-secret', {
        params: { path: await endpointOf(client, reference) },
        body: { overlap_hours: overlap },
      })
      if (json || data === undefined) return printJson(data)
      report(`The old secret is valid until ${data.previous_valid_until}. The new one is shown only now:`)
      print(data.secret)
    })

  webhooks
    .command('deliveries')
    .description('list deliveries that failed or wait, in the order of their events')
    .argument(...ENDPOINT)
    .option('--limit <count>', 'at most this many', wholeNumber(1), 50)
    .action(async (reference: string, { limit }: { limit: number }, command: Command) => {
      const { client, json } = contextOf(command)
      const { data = [] } = await client.api.GET('/webhook-endpoints/{endpoint}/deliveries', {
        params: { path: await endpointOf(client, reference), query: { limit } },
      })
      if (json) return printJson(data)
      printTable(
        ['EVENT', 'TYPE', 'WORKSPACE', 'STATE', 'ATTEMPTS', 'NEXT', 'FAILURE'],
        data.map(({ attempts, last_failure, next_attempt_at, seq, state, type, workspace_id }) => [
          String(seq),
          type,
          workspace_id,
          state,
          String(attempts),
          next_attempt_at,
          last_failure === null ? null : clean(last_failure.message),
        ]),
      )
    })

  webhooks
    .command('replay')
    .description('deliver again what was given up: one event, or all')
    .argument(...ENDPOINT)
    .argument('[event]', 'number of the event', wholeNumber(1))
    .action(async (reference: string, seq: number | undefined, _flags, command: Command) => {
      const { client, json } = contextOf(command)
      const path = await endpointOf(client, reference)
      const { data } =
        seq === undefined
          ? await client.api.POST('/webhook-endpoints/{endpoint}/deliveries/replay', { params: { path } })
          : await client.api.POST('/webhook-endpoints/{endpoint}/deliveries/{seq}/replay', {
              params: { path: { ...path, seq } },
            })
      if (json) return printJson(data)
      print(`Deliveries that are tried again: ${data?.replayed ?? 0}.`)
    })

  webhooks
    .command('rm')
    .description('delete endpoints, with their deliveries')
    .argument('<ids...>', 'ids of endpoints, or their beginnings')
    .action(async (references: string[], _flags, command: Command) => {
      const { client } = contextOf(command)
      for (const reference of references) {
        const path = await endpointOf(client, reference)
        await client.api.DELETE('/webhook-endpoints/{endpoint}', { params: { path } })
        report(`${path.endpoint}: deleted`)
      }
    })
}

const endpointOf = async (client: Client, reference: string) => ({
  endpoint: await findId(
    'endpoint',
    reference,
    async () => (await client.api.GET('/webhook-endpoints')).data ?? [],
    'webhooks ls',
  ),
})

const printEndpoints = (endpoints: readonly Endpoint[]): void =>
  printTable(
    ['ID', 'ENABLED', 'TYPES', 'WORKSPACE', 'BEHIND', 'PENDING', 'DEAD', 'SUCCESS', 'URL', 'FAILURE'],
    endpoints.map((endpoint) => [
      endpoint.id,
      endpoint.enabled ? 'yes' : `no: ${endpoint.disabled_reason ?? '?'}`,
      endpoint.types.length > 2 ? String(endpoint.types.length) : endpoint.types.join(' '),
      endpoint.workspace_id,
      String(endpoint.behind),
      String(endpoint.pending),
      String(endpoint.dead),
      age(endpoint.last_success_at),
      clean(endpoint.url),
      endpoint.last_failure === null ? null : clean(endpoint.last_failure.message),
    ]),
  )
