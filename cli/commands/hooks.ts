// hooks: addresses at which other systems send messages to a workspace.
import { type Command, Option } from 'commander'
import { contextOf } from '../context.ts'
import { findWorkspaceId, WORKSPACE_ARGUMENT } from '../find-workspace.ts'
import { age, print, printJson, printTable, report } from '../output.ts'
import { repeated } from '../repeated.ts'

const SCHEMES = ['standard', 'github', 'gitea', 'slack', 'stripe', 'bearer'] as const

type CreateFlags = { scheme: (typeof SCHEMES)[number]; secret?: string; template?: string; event?: string[] }

export function addHookCommands(program: Command): void {
  const hooks = program
    .command('hooks')
    .description('list, create and delete inbound webhooks of a workspace')

  hooks
    .command('ls')
    .description('list hooks')
    .argument(...WORKSPACE_ARGUMENT)
    .action(async (reference: string, _flags, command: Command) => {
      const { client, json } = contextOf(command)
      const path = { id: await findWorkspaceId(client, reference) }
      const { data = [] } = await client.api.GET('/workspaces/{id}/hooks', { params: { path } })
      if (json) return printJson(data)
      printTable(
        ['NAME', 'SCHEME', 'ENABLED', 'AGE', 'URL'],
        data.map(({ created_at, enabled, name, scheme, url }) => [
          name,
          scheme,
          enabled ? 'yes' : 'no',
          age(created_at),
          url,
        ]),
      )
    })

  hooks
    .command('create')
    .description('create a hook; its secret is printed once')
    .argument(...WORKSPACE_ARGUMENT)
    .argument('<name>', 'last part of the address')
    .addOption(new Option('--scheme <scheme>', 'how the sender signs').choices(SCHEMES).default('standard'))
    .option('--secret <secret>', "the sender's secret; without it one is made")
    .option('--template <text>', 'text of the message, with placeholders such as {{pull_request.title}}')
    .option('--event <event>', 'an accepted event; repeat it for several', repeated)
    .action(async (reference: string, name: string, flags: CreateFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const path = { id: await findWorkspaceId(client, reference) }
      const { event, scheme, secret, template } = flags
      const body = {
        name,
        scheme,
        ...(secret === undefined ? {} : { secret }),
        ...(template === undefined ? {} : { template }),
        ...(event === undefined ? {} : { events: event }),
      }
      const { data } = await client.api.POST('/workspaces/{id}/hooks', {
        params: { path },
        body,
      })
      if (json) return printJson(data)
      print(`url     ${data?.url ?? ''}`)
      print(`secret  ${data?.secret ?? ''}`)
    })

  hooks
    .command('rm')
    .description('delete a hook')
    .argument(...WORKSPACE_ARGUMENT)
    .argument('<name>', 'name of the hook')
    .action(async (reference: string, hook: string, _flags, command: Command) => {
      const { client } = contextOf(command)
      const path = { id: await findWorkspaceId(client, reference), hook }
      await client.api.DELETE('/workspaces/{id}/hooks/{hook}', { params: { path } })
      report(`${hook}: deleted`)
    })
}
