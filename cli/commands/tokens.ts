// tokens: API tokens of people and programs.
import { type Command, Option } from 'commander'
import { contextOf } from '../context.ts'
import { defined } from '../defined.ts'
import { findWorkspaceIds } from '../find-workspace.ts'
import { wholeNumber } from '../number-option.ts'
import { age, clean, print, printJson, printTable, report } from '../output.ts'
import { repeated } from '../repeated.ts'

type CreateFlags = { scope: 'read' | 'operate' | 'exec' | 'admin'; workspace?: string[]; days?: number }

export function addTokenCommands(program: Command): void {
  const tokens = program.command('tokens').description('list, create and revoke API tokens')

  tokens
    .command('ls')
    .description('list tokens')
    .action(async (_flags, command: Command) => {
      const { client, json } = contextOf(command)
      const { data = [] } = await client.api.GET('/tokens')
      if (json) return printJson(data)
      printTable(
        ['ID', 'NAME', 'SCOPE', 'WORKSPACES', 'USED', 'EXPIRES'],
        data.map(({ expires_at, id, last_used_at, name, scopes, workspaces }) => [
          id,
          clean(name),
          scopes.at(-1) ?? '',
          workspaces === null ? 'all' : String(workspaces.length),
          age(last_used_at),
          expires_at ?? 'never',
        ]),
      )
    })

  tokens
    .command('create')
    .description('create a token, and print it once')
    .argument('<name>', 'what the token is for')
    .addOption(
      new Option('--scope <scope>', 'what it may do; exec is for commands and files in machines')
        .choices(['read', 'operate', 'exec', 'admin'])
        .default('read'),
    )
    .option('-w, --workspace <workspace>', 'limit it to this workspace; repeat it for several', repeated)
    .option('--days <days>', 'days until it ends; without it, it never ends', wholeNumber(1))
    .action(async (name: string, { days, scope, workspace }: CreateFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const { data } = await client.api.POST('/tokens', {
        body: {
          name,
          scopes: [scope],
          ...defined({
            workspaces: workspace && (await findWorkspaceIds(client, workspace)),
            expires_in_days: days,
          }),
        },
      })
      if (json) return printJson(data)
      report('The token is shown only now:')
      print(data?.token ?? '')
    })

  tokens
    .command('rm')
    .description('revoke tokens')
    .argument('<ids...>', 'ids of tokens')
    .action(async (ids: string[], _flags, command: Command) => {
      const { client } = contextOf(command)
      for (const id of ids) {
        await client.api.DELETE('/tokens/{id}', { params: { path: { id } } })
        report(`${id}: revoked`)
      }
    })
}
