// audit: who asked for which change.
import { type Command, Option } from 'commander'
import { contextOf } from '../context.ts'
import { defined } from '../defined.ts'
import { findWorkspaceId } from '../find-workspace.ts'
import { wholeNumber } from '../number-option.ts'
import { clean, printJson, printTable } from '../output.ts'

const OUTCOMES = ['ok', 'refused', 'failed'] as const

type AuditFlags = {
  workspace?: string
  caller?: string
  route?: string
  outcome?: (typeof OUTCOMES)[number]
  since?: string
  until?: string
  limit: number
}

export function addAuditCommand(program: Command): void {
  program
    .command('audit')
    .description('show who asked for which change, newest first')
    .option('-w, --workspace <workspace>', 'only changes of this workspace')
    .option('--caller <caller>', 'only this caller: admin, token:ID, workspace:ID or anonymous')
    .option('--route <route>', "only this route, such as 'PATCH /workspaces/:id'")
    .addOption(new Option('--outcome <outcome>', 'only with this outcome').choices(OUTCOMES))
    .option('--since <time>', 'since a time, or an age such as 15m')
    .option('--until <time>', 'before a time')
    .option('--limit <count>', 'at most this many', wholeNumber(1), 100)
    .addHelpText(
      'after',
      `
Examples:
  molecule-fly audit -w coder --since 1d
  molecule-fly audit --outcome refused --json | jq -r '.audit[].address'`,
    )
    .action(async ({ workspace, ...flags }: AuditFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const { data } = await client.api.GET('/audit', {
        params: {
          query: {
            ...flags,
            ...defined({
              workspace_id: workspace === undefined ? undefined : await findWorkspaceId(client, workspace),
            }),
          },
        },
      })
      if (json || data === undefined) return printJson(data)
      printTable(
        ['AT', 'CALLER', 'ROUTE', 'WORKSPACE', 'STATUS', 'ADDRESS'],
        data.audit.map(({ address, at, caller, caller_name, command: name, route, status, workspace_id }) => [
          at,
          caller_name === null ? caller : `${caller} (${clean(caller_name)})`,
          name === undefined ? route : `${route} ${clean(name)}`,
          workspace_id,
          String(status),
          clean(address),
        ]),
      )
    })
}
