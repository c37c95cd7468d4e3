// holds: requests to keep a workspace awake until a time.
import { type Command, Option } from 'commander'
import type { components } from '../../client/api.d.ts'
import { contextOf, UsageError } from '../context.ts'
import { defined } from '../defined.ts'
import { findId } from '../find-by-id.ts'
import { findWorkspaceId, WORKSPACE_ARGUMENT } from '../find-workspace.ts'
import { wholeNumber } from '../number-option.ts'
import { clean, printJson, printTable, report } from '../output.ts'

type Hold = components['schemas']['Hold']
type CreateFlags = { for?: number; until?: string }

export function addHoldCommands(program: Command): void {
  const holds = program
    .command('holds')
    .description('list, create and delete holds, which keep a workspace awake')
    .addHelpText(
      'after',
      `
Examples:
  molecule-fly holds create coder a long build --for 90
  molecule-fly holds rm coder 3f2a                       the beginning of an id is enough`,
    )

  holds
    .command('ls')
    .description('list holds, the first to end first')
    .argument(...WORKSPACE_ARGUMENT)
    .action(async (reference: string, _flags, command: Command) => {
      const { client, json } = contextOf(command)
      const path = { id: await findWorkspaceId(client, reference) }
      const { data = [] } = await client.api.GET('/workspaces/{id}/holds', { params: { path } })
      if (json) return printJson(data)
      printHolds(data)
    })

  holds
    .command('create')
    .description('keep a workspace awake; the hold ends by itself, and wakes nothing')
    .argument(...WORKSPACE_ARGUMENT)
    .argument('<reason...>', 'why')
    .addOption(new Option('--for <minutes>', 'how long').argParser(wholeNumber(1)).conflicts('until'))
    .option('--until <time>', 'when it ends, such as 2027-01-31T08:00:00Z')
    .action(async (reference: string, words: string[], flags: CreateFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const { for: minutes, until } = flags
      if (minutes === undefined && until === undefined)
        throw new UsageError('holds create: give --for or --until')
      const path = { id: await findWorkspaceId(client, reference) }
      const { data } = await client.api.POST('/workspaces/{id}/holds', {
        params: { path },
        body: {
          reason: words.join(' '),
          ...defined({ until, for_seconds: minutes === undefined ? undefined : minutes * 60 }),
        },
      })
      if (json || data === undefined) return printJson(data)
      printHolds([data])
    })

  holds
    .command('rm')
    .description('end holds')
    .argument(...WORKSPACE_ARGUMENT)
    .argument('<ids...>', 'ids of holds, or their beginnings')
    .action(async (reference: string, references: string[], _flags, command: Command) => {
      const { client } = contextOf(command)
      const id = await findWorkspaceId(client, reference)
      const list = async () =>
        (await client.api.GET('/workspaces/{id}/holds', { params: { path: { id } } })).data ?? []
      for (const one of references) {
        const hold = await findId('hold', one, list, `holds ls ${reference}`)
        await client.api.DELETE('/workspaces/{id}/holds/{hold}', { params: { path: { id, hold } } })
        report(`${hold}: deleted`)
      }
    })
}

const printHolds = (holds: readonly Hold[]): void =>
  printTable(
    ['ID', 'UNTIL', 'BY', 'REASON'],
    holds.map(({ created_by, id, reason, until }) => [id, until, created_by, clean(reason)]),
  )
