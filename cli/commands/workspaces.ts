// ls, create, get, wait, explain: workspaces and their state.
import type { Command } from 'commander'
import type { Client, CreateWorkspace, Workspace, WorkspaceQuery } from '../../client/client.ts'
import { assignments, labelsFrom } from '../assignments.ts'
import { type CommandContext, contextOf } from '../context.ts'
import { defined } from '../defined.ts'
import { findWorkspace, findWorkspaceId, WORKSPACE_ARGUMENT } from '../find-workspace.ts'
import { wholeNumber } from '../number-option.ts'
import { age, clean, print, printJson, printTable, report, shortImage, statusText } from '../output.ts'
import { repeated } from '../repeated.ts'
import { addSpecOptions, type SpecFlags, specOf } from '../spec-options.ts'

type CreateFlags = SpecFlags & { env?: string[]; secret?: string[]; diskPath?: string; wait?: boolean }

type ListFlags = {
  status?: string[]
  runtime?: string
  tier?: number
  region?: string
  parent?: string
  namePrefix?: string
  label?: string[]
  createdAfter?: string
  sort?: string
  limit?: number
  quiet?: boolean
}

export function addWorkspaceCommands(program: Command): void {
  program
    .command('ls')
    .alias('list')
    .description('list workspaces')
    .option('--status <status>', 'only workspaces with this status; repeat it for several', repeated)
    .option('--runtime <runtime>', 'only workspaces with this runtime')
    .option('--tier <tier>', 'only workspaces of this tier', wholeNumber(1))
    .option('--region <region>', 'only workspaces in this region')
    .option('--parent <workspace>', 'only children of this workspace')
    .option('--name-prefix <text>', 'only workspaces whose name begins with this')
    .option('--created-after <time>', 'only workspaces that were created later')
    .option('-l, --label <key=value>', 'only workspaces with this label; repeat it for several', repeated)
    .option('--limit <count>', 'at most this many', wholeNumber(1))
    .option('--sort <order>', 'created_at, -created_at, name or -name')
    .option('-q, --quiet', 'print ids only')
    .action(async (flags: ListFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const rows: Workspace[] = []
      const { createdAfter, limit, namePrefix, parent, quiet, ...filter } = flags
      const most = limit ?? Infinity
      const query = {
        ...(filter as WorkspaceQuery),
        ...defined({
          created_after: createdAfter,
          name_prefix: namePrefix,
          parent_id: parent === undefined ? undefined : await findWorkspaceId(client, parent),
        }),
        limit: Math.min(most, 1000),
      }
      for await (const workspace of client.listWorkspaces(query)) {
        rows.push(workspace)
        if (rows.length >= most) break
      }
      if (json) return printJson(rows)
      if (quiet === true) return rows.forEach(({ id }) => print(id))
      printTable(
        ['ID', 'NAME', 'STATUS', 'RUNTIME', 'TIER', 'REGION', 'AGE'],
        rows.map(({ created_at, id, machine_region, name, region, runtime, status, tier }) => [
          id,
          clean(name),
          statusText(status),
          runtime,
          tier === null ? null : String(tier),
          machine_region ?? region,
          age(created_at),
        ]),
      )
    })

  const create = program
    .command('create')
    .description('create a workspace, and wait until it is ready')
    .argument('<name>', 'name of the workspace')
  addSpecOptions(create)
    .option(
      '-e, --env <NAME=value>',
      'an environment variable; NAME alone takes the value from the environment; repeat it for several',
      repeated,
    )
    .option(
      '-s, --secret <NAME=value>',
      'a secret; NAME alone takes the value from the environment; repeat it for several',
      repeated,
    )
    .option('--disk-path <path>', 'where the agent finds the disk, such as /workspace')
    .option('--no-wait', 'return at once')
    .addHelpText(
      'after',
      `
Examples:
  molecule-fly create fly-worker -r hermes -t 2
  molecule-fly create coder -s OPENAI_API_KEY -l team=research -l stage=test --json | jq -r .id`,
    )
    .action(async (name: string, flags: CreateFlags, command: Command) => {
      const context = contextOf(command)
      const created = await context.client.createWorkspace(await createInput(context.client, name, flags))
      // An agent that runs elsewhere is started by its owner, perhaps much later.
      if (flags.wait === false || created.runtime === 'external') return show(context, created)
      report(`${created.id}: provisioning …`)
      const settled = await context.client.waitForWorkspace(created.id)
      show(context, settled)
      if (settled.status !== 'ready') process.exitCode = 1
    })

  program
    .command('get')
    .description('show a workspace')
    .argument(...WORKSPACE_ARGUMENT)
    .action(async (reference: string, _flags, command: Command) => {
      const context = contextOf(command)
      show(context, await findWorkspace(context.client, reference))
    })

  program
    .command('wait')
    .description('wait until a workspace is ready, or has come to rest otherwise')
    .argument(...WORKSPACE_ARGUMENT)
    .option('--timeout <seconds>', 'longest wait', wholeNumber(0), 600)
    .action(async (reference: string, { timeout }: { timeout: number }, command: Command) => {
      const context = contextOf(command)
      const id = await findWorkspaceId(context.client, reference)
      const workspace = await context.client.waitForWorkspace(id, timeout)
      show(context, workspace)
      if (workspace.status !== 'ready') process.exitCode = 1
    })

  program
    .command('explain')
    .description('say why a workspace is as it is, and what happens next')
    .argument(...WORKSPACE_ARGUMENT)
    .action(async (reference: string, _flags, command: Command) => {
      const { client, json } = contextOf(command)
      const path = { id: await findWorkspaceId(client, reference) }
      if (json) {
        const { data } = await client.api.GET('/workspaces/{id}/explain', { params: { path } })
        return printJson(data)
      }
      const { data } = await client.api.GET('/workspaces/{id}/explain', {
        params: { path },
        headers: { accept: 'text/plain' },
        parseAs: 'text',
      })
      print(String(data).trimEnd())
    })
}

/** Prints one workspace: all of it as JSON, or the lines that people look for. */
export function show({ json }: CommandContext, workspace: Workspace): void {
  if (json) return printJson(workspace)
  const {
    disk,
    endpoint,
    id,
    idle_minutes,
    image,
    labels,
    machine_id,
    machine_region,
    model,
    name,
    reason,
    region,
    runtime,
    slug,
    status,
    tier,
  } = workspace
  print(`${clean(name)}  ${statusText(status)}`)
  const place = tier === null ? [] : [`tier ${tier}`, machine_region ?? region]
  const lines: [string, string | null][] = [
    ['id', id],
    ['slug', slug],
    ['labels', labelsText(labels)],
    ['runtime', [runtime, ...place].join(', ')],
    ['model', model],
    ['image', image === null ? null : shortImage(image)],
    ['disk', disk === null ? null : `${disk.size_gb} GB`],
    ['sleeps', idle_minutes === null ? null : `after ${idle_minutes} idle minutes`],
    ['machine', machine_id ?? (runtime === 'external' ? 'none: the agent runs elsewhere' : 'none')],
    ['A2A', endpoint],
  ]
  for (const [label, value] of lines) if (value !== null) print(`  ${label.padEnd(8)} ${clean(value)}`)
  if (reason !== null)
    print(`  ${'reason'.padEnd(8)} ${clean(reason.message)}\n  ${''.padEnd(8)} ${clean(reason.hint)}`)
}

function labelsText(labels: Workspace['labels']): string | null {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  return pairs.length === 0 ? null : pairs.join(' ')
}

async function createInput(client: Client, name: string, flags: CreateFlags): Promise<CreateWorkspace> {
  const { diskPath, env, label, secret } = flags
  return {
    name,
    ...(await specOf(client, flags)),
    ...defined({
      disk_path: diskPath,
      env: env === undefined ? undefined : assignments('--env', env),
      labels: label === undefined ? undefined : labelsFrom(label),
      secrets: secret === undefined ? undefined : assignments('--secret', secret),
    }),
  }
}
