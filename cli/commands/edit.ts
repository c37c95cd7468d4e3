// edit: changes what a workspace is to be. Only what is given is sent.
import type { Command } from 'commander'
import type { Client, paths, Workspace } from '../../client/client.ts'
import { assignments, labelsFrom } from '../assignments.ts'
import { contextOf, UsageError } from '../context.ts'
import { defined, orNull } from '../defined.ts'
import { findWorkspace, WORKSPACE_ARGUMENT } from '../find-workspace.ts'
import { clean, printJson, report } from '../output.ts'
import { repeated } from '../repeated.ts'
import { addSpecOptions, type SpecFlags, specOf } from '../spec-options.ts'
import { show } from './workspaces.ts'

type Changes = paths['/workspaces/{id}']['patch']['requestBody']['content']['application/json']

type EditFlags = SpecFlags & {
  name?: string
  removeLabel?: string[]
  env?: string[] | false
  removeEnv?: string[]
  wakeAt?: string | false
}

export function addEditCommand(program: Command): void {
  const edit = program
    .command('edit')
    .description('change a workspace: only what is given; its other labels and variables stay')
    .argument(...WORKSPACE_ARGUMENT)
    .option('--name <name>', 'another name')
  addSpecOptions(edit)
    .option('--remove-label <key>', 'remove a label; repeat it for several', repeated)
    .option(
      '-e, --env <NAME=value>',
      'an environment variable; NAME alone takes the value from the environment; repeat it for several',
      repeated,
    )
    .option('--remove-env <NAME>', 'remove an environment variable; repeat it for several', repeated)
    .option('--wake-at <time>', 'when it wakes by itself if it is hibernated then')
    .option('--no-slug', 'no slug')
    .option('--no-model', 'no model')
    .option('--no-role', 'no role')
    .option('--no-image', "the runtime's image")
    .option('--no-parent', 'a root of the tree')
    .option('--no-idle', 'never hibernate by itself')
    .option('--no-env', 'no environment variables')
    .option('--no-wake-at', 'no time to wake')
    .addHelpText(
      'after',
      `
Examples:
  molecule-fly edit coder --tier 3 --disk 20
  molecule-fly edit coder -l team=research --remove-label stage --no-idle`,
    )
    .action(async (reference: string, flags: EditFlags, command: Command) => {
      const context = contextOf(command)
      const { client, json } = context
      const before = await findWorkspace(client, reference)
      const body = await changesOf(client, before, flags)
      if (Object.keys(body).length === 0)
        throw new UsageError("edit: nothing is to be changed; see 'molecule-fly edit --help'")
      const { data } = await client.api.PATCH('/workspaces/{id}', {
        params: { path: { id: before.id } },
        body,
      })
      if (json || data === undefined) return printJson(data)
      show(context, data.workspace)
      for (const warning of data.warnings ?? []) report(clean(warning))
      if (data.needs_restart)
        report(`Part of the settings takes effect at the next restart: molecule-fly restart ${before.id}`)
    })
}

async function changesOf(client: Client, before: Workspace, flags: EditFlags): Promise<Changes> {
  const { env, label, name, removeEnv, removeLabel, wakeAt } = flags
  return {
    ...(await specOf(client, flags)),
    ...defined({
      name,
      wake_at: orNull(wakeAt),
      env:
        env === false
          ? null
          : changedBy(env && assignments('--env', env), removal('--remove-env', removeEnv, before.env_names)),
      labels: changedBy(
        label && labelsFrom(label),
        removal('--remove-label', removeLabel, Object.keys(before.labels)),
      ),
    }),
  }
}

/** As the API has it: null removes a name, and names that are absent stay. */
const changedBy = (
  given: Record<string, string> | undefined,
  removed: Record<string, null> | undefined,
): Record<string, string | null> | undefined => (given || removed ? { ...removed, ...given } : undefined)

/** @throws UsageError for a name that the workspace does not have */
function removal(
  flag: string,
  names: readonly string[] | undefined,
  existing: readonly string[],
): Record<string, null> | undefined {
  if (names === undefined) return undefined
  const unknown = names.find((name) => !existing.includes(name))
  if (unknown !== undefined)
    throw new UsageError(`${flag} ${unknown}: the workspace has ${existing.join(', ') || 'none'}`)
  return Object.fromEntries(names.map((name) => [name, null]))
}
