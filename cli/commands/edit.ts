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
  replaceEnv?: string[]
  /** True without `--no-env`. */
  env: boolean
  wakeAt?: string | false
}

export function addEditCommand(program: Command): void {
  const edit = program
    .command('edit')
    .description('change a workspace: only what is given; its other labels stay')
    .argument(...WORKSPACE_ARGUMENT)
    .option('--name <name>', 'another name')
  addSpecOptions(edit)
    .option('--remove-label <key>', 'remove a label; repeat it for several', repeated)
    .option(
      '--replace-env <NAME=value>',
      'all environment variables, in place of those that it has; NAME alone takes the value from the environment; repeat it for several',
      repeated,
    )
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
  const { env, label, name, removeLabel, replaceEnv, wakeAt } = flags
  if (!env && replaceEnv !== undefined) throw new UsageError('edit: give --replace-env or --no-env')
  return {
    ...(await specOf(client, flags)),
    ...defined({
      name,
      wake_at: orNull(wakeAt),
      env:
        replaceEnv === undefined ? orNull(env ? undefined : false) : assignments('--replace-env', replaceEnv),
      labels:
        label === undefined && removeLabel === undefined
          ? undefined
          : { ...without(before.labels, removeLabel ?? []), ...labelsFrom(label ?? []) },
    }),
  }
}

/** @throws UsageError for a key that no label has */
function without(labels: Workspace['labels'], keys: readonly string[]): Workspace['labels'] {
  const unknown = keys.find((key) => !Object.hasOwn(labels, key))
  if (unknown !== undefined)
    throw new UsageError(
      `--remove-label ${unknown}: the workspace has ${Object.keys(labels).join(', ') || 'no labels'}`,
    )
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !keys.includes(key)))
}
