// secrets: the encrypted variables of one workspace, or of all.
import type { Command } from 'commander'
import { contextOf, UsageError } from '../context.ts'
import { findWorkspaceId } from '../find-workspace.ts'
import { age, print, printJson, printTable, report } from '../output.ts'
import { assignments } from './workspaces.ts'

type SecretFlags = { workspace?: string }

const WORKSPACE: [string, string] = [
  '-w, --workspace <workspace>',
  'the workspace; without it, all workspaces',
]

export function addSecretCommands(program: Command): void {
  const secrets = program.command('secrets').description('list, set and delete secrets')

  secrets
    .command('ls')
    .description('list the names of secrets')
    .option(...WORKSPACE)
    .action(async ({ workspace }: SecretFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const { data = [] } =
        workspace === undefined
          ? await client.api.GET('/settings/secrets')
          : await client.api.GET('/workspaces/{id}/secrets', {
              params: { path: { id: await findWorkspaceId(client, workspace) } },
            })
      if (json) return printJson(data)
      printTable(
        ['NAME', 'SCOPE', 'CHANGED'],
        data.map(({ key, scope, updated_at }) => [key, scope, age(updated_at)]),
      )
    })

  secrets
    .command('set')
    .description('store secrets; machines that use them restart')
    .argument('<NAME=value...>', 'NAME alone takes the value from the environment')
    .option(...WORKSPACE)
    .action(async (pairs: string[], { workspace }: SecretFlags, command: Command) => {
      const { client } = contextOf(command)
      const id = workspace === undefined ? undefined : await findWorkspaceId(client, workspace)
      for (const [key, value] of Object.entries(assignments('secrets set', pairs))) {
        const body = { key, value }
        if (id === undefined) await client.api.PUT('/settings/secrets', { body })
        else await client.api.PUT('/workspaces/{id}/secrets', { params: { path: { id } }, body })
        report(`${key}: saved`)
      }
    })

  secrets
    .command('rm')
    .description('delete secrets')
    .argument('<names...>', 'names of secrets')
    .option(...WORKSPACE)
    .action(async (names: string[], { workspace }: SecretFlags, command: Command) => {
      const { client } = contextOf(command)
      if (names.some((name) => name.includes('=')))
        throw new UsageError('secrets rm takes names without values')
      const id = workspace === undefined ? undefined : await findWorkspaceId(client, workspace)
      for (const key of names) {
        if (id === undefined)
          await client.api.DELETE('/settings/secrets/{key}', { params: { path: { key } } })
        else await client.api.DELETE('/workspaces/{id}/secrets/{key}', { params: { path: { id, key } } })
        print(`${key}: deleted`)
      }
    })
}
