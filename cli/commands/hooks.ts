// hooks: addresses at which other systems send messages to a workspace.
import { type Command, Option } from 'commander'
import type { components } from '../../client/api.d.ts'
import { contextOf, UsageError } from '../context.ts'
import { defined, orNull } from '../defined.ts'
import { findWorkspaceId, WORKSPACE_ARGUMENT } from '../find-workspace.ts'
import { wholeNumber } from '../number-option.ts'
import { age, print, printJson, printTable, report } from '../output.ts'
import { repeated } from '../repeated.ts'

const SCHEMES = ['standard', 'github', 'gitea', 'slack', 'stripe', 'bearer'] as const

/** What edit can change. False comes from `--no-…`. */
type DeliveryFlags = {
  template?: string
  event?: string[] | false
  deliveryHeader?: string | false
  maxBytes?: number | false
}

type Hook = components['schemas']['Hook']
type RotateFlags = { secret?: string; overlap: number }
type CreateFlags = DeliveryFlags & { scheme: (typeof SCHEMES)[number]; secret?: string }

const HOOK: [string, string] = ['<name>', 'name of the hook']

const addDeliveryOptions = (command: Command): Command =>
  command
    .option('--template <text>', 'text of the message, with placeholders such as {{pull_request.title}}')
    .option('--event <event>', 'an accepted event; repeat it for several', repeated)
    .option('--delivery-header <name>', 'header with the id of a delivery, for the scheme bearer')
    .option('--max-bytes <count>', 'the largest delivery', wholeNumber(1))

const deliveryMembers = ({ deliveryHeader, event, maxBytes, template }: DeliveryFlags) =>
  defined({
    template,
    events: orNull(event),
    delivery_header: orNull(deliveryHeader),
    max_body_bytes: orNull(maxBytes),
  })

export function addHookCommands(program: Command): void {
  const hooks = program
    .command('hooks')
    .description('list, create, change and delete inbound webhooks of a workspace')
    .addHelpText(
      'after',
      `
Examples:
  molecule-fly hooks create coder github --scheme github --event pull_request
  molecule-fly hooks rotate coder github --overlap 48`,
    )

  hooks
    .command('ls')
    .description('list hooks')
    .argument(...WORKSPACE_ARGUMENT)
    .action(async (reference: string, _flags, command: Command) => {
      const { client, json } = contextOf(command)
      const path = { id: await findWorkspaceId(client, reference) }
      const { data = [] } = await client.api.GET('/workspaces/{id}/hooks', { params: { path } })
      if (json) return printJson(data)
      printHooks(data)
    })

  const create = hooks
    .command('create')
    .description('create a hook; its secret is printed once')
    .argument(...WORKSPACE_ARGUMENT)
    .argument('<name>', 'last part of the address')
    .addOption(new Option('--scheme <scheme>', 'how the sender signs').choices(SCHEMES).default('standard'))
    .option('--secret <secret>', "the sender's secret; without it one is made")
  addDeliveryOptions(create).action(
    async (reference: string, name: string, flags: CreateFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const path = { id: await findWorkspaceId(client, reference) }
      const { scheme, secret } = flags
      const { data } = await client.api.POST('/workspaces/{id}/hooks', {
        params: { path },
        body: { name, scheme, ...defined({ secret }), ...deliveryMembers(flags) },
      })
      if (json) return printJson(data)
      print(`url     ${data?.url ?? ''}`)
      print(`secret  ${data?.secret ?? ''}`)
    },
  )

  const change = async (
    command: Command,
    reference: string,
    hook: string,
    body: ReturnType<typeof deliveryMembers> & { enabled?: boolean },
  ) => {
    const { client, json } = contextOf(command)
    const path = { id: await findWorkspaceId(client, reference), hook }
    const { data } = await client.api.PATCH('/workspaces/{id}/hooks/{hook}', { params: { path }, body })
    if (json || data === undefined) return printJson(data)
    printHooks([data])
  }

  const edit = hooks
    .command('edit')
    .description('change a hook: only what is given')
    .argument(...WORKSPACE_ARGUMENT)
    .argument(...HOOK)
  addDeliveryOptions(edit)
    .option('--no-event', 'accept all events')
    .option('--no-delivery-header', 'the header of the scheme')
    .option('--no-max-bytes', 'the limit of the scheme')
    .action(async (reference: string, name: string, flags: DeliveryFlags, command: Command) => {
      const body = deliveryMembers(flags)
      if (Object.keys(body).length === 0)
        throw new UsageError("nothing is to be changed; see 'molecule-fly hooks edit --help'")
      await change(command, reference, name, body)
    })

  for (const verb of ['enable', 'disable'] as const) {
    hooks
      .command(verb)
      .description(verb === 'enable' ? 'accept deliveries again' : 'refuse deliveries until it is enabled')
      .argument(...WORKSPACE_ARGUMENT)
      .argument(...HOOK)
      .action((reference: string, name: string, _flags, command: Command) =>
        change(command, reference, name, { enabled: verb === 'enable' }),
      )
  }

  hooks
    .command('rotate')
    .description(
      'replace the secret; one that is made is printed once, and the old one stays valid for a while',
    )
    .argument(...WORKSPACE_ARGUMENT)
    .argument(...HOOK)
    .option('--secret <secret>', "the sender's new secret; without it one is made")
    .option('--overlap <hours>', 'how long both are valid', wholeNumber(0), 24)
    .action(async (reference: string, hook: string, flags: RotateFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const path = { id: await findWorkspaceId(client, reference), hook }
      const { data } = await client.api.POST('/workspaces/{id}/hooks/{hook}/rotate', {
        params: { path },
        body: { overlap_hours: flags.overlap, ...defined({ secret: flags.secret }) },
      })
      if (json || data === undefined) return printJson(data)
      report(`The old secret is valid until ${data.previous_secret_until ?? 'now'}.`)
      if (data.secret !== undefined) print(data.secret)
    })

  hooks
    .command('rm')
    .description('delete a hook')
    .argument(...WORKSPACE_ARGUMENT)
    .argument(...HOOK)
    .action(async (reference: string, hook: string, _flags, command: Command) => {
      const { client } = contextOf(command)
      const path = { id: await findWorkspaceId(client, reference), hook }
      await client.api.DELETE('/workspaces/{id}/hooks/{hook}', { params: { path } })
      report(`${hook}: deleted`)
    })
}

const printHooks = (hooks: readonly Hook[]): void =>
  printTable(
    ['NAME', 'SCHEME', 'ENABLED', 'AGE', 'URL'],
    hooks.map(({ created_at, enabled, name, scheme, url }) => [
      name,
      scheme,
      enabled ? 'yes' : 'no',
      age(created_at),
      url,
    ]),
  )
