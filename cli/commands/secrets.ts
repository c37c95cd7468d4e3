// secrets: the encrypted variables of one workspace, or of all.
import type { Command } from 'commander'
import { assignments } from '../assignments.ts'
import { contextOf, UsageError } from '../context.ts'
import { findWorkspaceId } from '../find-workspace.ts'
import { age, print, printJson, printTable, report } from '../output.ts'

type SecretFlags = { workspace?: string; restart?: boolean }

const WORKSPACE: [string, string] = [
  '-w, --workspace <workspace>',
  'the workspace; without it, all workspaces',
]

const RESTART: [string, string] = ['--restart', 'restart the machines that lack the change now, at most 20']

const queryOf = (flags: SecretFlags, isLast: boolean) =>
  flags.restart === true && isLast ? ({ restart: 'true' } as const) : {}

/** Machines have a changed secret after a restart. */
function reportRestarts(
  data: { restarting: string[]; more_to_restart: boolean } | undefined,
  { restart }: SecretFlags,
): void {
  if (restart !== true) return report('Machines receive the change at their next restart.')
  report(`Machines that restart now: ${data?.restarting.length ?? 0}.`)
  if (data?.more_to_restart === true)
    report('More machines lack the change: `molecule-fly restart <workspace>` restarts one.')
}

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
    .description('store secrets; machines receive them at their next restart')
    .argument('<NAME=value...>', 'NAME alone takes the value from the environment')
    .option(...WORKSPACE)
    .option(...RESTART)
    .action(async (pairs: string[], flags: SecretFlags, command: Command) => {
      const { client } = contextOf(command)
      const { workspace } = flags
      const id = workspace === undefined ? undefined : await findWorkspaceId(client, workspace)
      const entries = Object.entries(assignments('secrets set', pairs))
      for (const [at, [key, value]] of entries.entries()) {
        const isLast = at === entries.length - 1
        const [body, query] = [{ key, value }, queryOf(flags, isLast)]
        const { data } =
          id === undefined
            ? await client.api.PUT('/settings/secrets', { params: { query }, body })
            : await client.api.PUT('/workspaces/{id}/secrets', { params: { path: { id }, query }, body })
        report(`${key}: saved`)
        if (isLast) reportRestarts(data, flags)
      }
    })

  secrets
    .command('rm')
    .description('delete secrets; machines have them until their next restart')
    .argument('<names...>', 'names of secrets')
    .option(...WORKSPACE)
    .option(...RESTART)
    .action(async (names: string[], flags: SecretFlags, command: Command) => {
      const { client } = contextOf(command)
      const { workspace } = flags
      if (names.some((name) => name.includes('=')))
        throw new UsageError('secrets rm takes names without values')
      const id = workspace === undefined ? undefined : await findWorkspaceId(client, workspace)
      for (const [at, key] of names.entries()) {
        const isLast = at === names.length - 1
        const query = queryOf(flags, isLast)
        const { data } =
          id === undefined
            ? await client.api.DELETE('/settings/secrets/{key}', { params: { path: { key }, query } })
            : await client.api.DELETE('/workspaces/{id}/secrets/{key}', {
                params: { path: { id, key }, query },
              })
        print(`${key}: deleted`)
        if (isLast) reportRestarts(data, flags)
      }
    })
}
