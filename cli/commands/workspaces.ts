// ls, create, get, wait, explain: workspaces and their state.
import { type Command, Option } from 'commander'
import type { Client, CreateWorkspace, Workspace, WorkspaceQuery } from '../../client/client.ts'
import { type CommandContext, contextOf, UsageError } from '../context.ts'
import { findWorkspace, findWorkspaceId } from '../find-workspace.ts'
import { wholeNumber } from '../number-option.ts'
import { age, clean, print, printJson, printTable, report, statusText } from '../output.ts'
import { repeated } from '../repeated.ts'

type CreateFlags = {
  slug?: string
  runtime?: string
  tier?: string
  region?: string
  model?: string
  role?: string
  image?: string
  parent?: string
  env?: string[]
  secret?: string[]
  label?: string[]
  idle?: number
  wait?: boolean
}

type ListFlags = {
  status?: string[]
  runtime?: string
  region?: string
  label?: string[]
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
    .option('--region <region>', 'only workspaces in this region')
    .option('-l, --label <key=value>', 'only workspaces with this label; repeat it for several', repeated)
    .option('--limit <count>', 'at most this many', wholeNumber(1))
    .option('--sort <order>', 'created_at, -created_at, name or -name')
    .option('-q, --quiet', 'print ids only')
    .action(async (flags: ListFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const rows: Workspace[] = []
      const { limit, quiet, ...filter } = flags
      const most = limit ?? Infinity
      const query = { ...(filter as WorkspaceQuery), limit: Math.min(most, 1000) }
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

  program
    .command('create')
    .description('create a workspace, and wait until it is ready')
    .argument('<name>', 'name of the workspace')
    .option('--slug <slug>', 'unique name that can be used in place of the id')
    .option(
      '-r, --runtime <runtime>',
      'kind of agent, such as hermes or langgraph; external: it runs elsewhere',
    )
    .addOption(new Option('-t, --tier <tier>', 'size of the machine').choices(['2', '3', '4']))
    .option('--region <region>', 'region of the machine; on Fly such as ord')
    .option('--model <model>', 'language model')
    .option('--role <role>', 'what the agent is for')
    .option('--image <image>', "an image instead of the runtime's")
    .option('--parent <workspace>', 'parent in the tree of workspaces')
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
    .option('-l, --label <key=value>', 'a label; repeat it for several', repeated)
    .option('--idle <minutes>', 'hibernate after this many idle minutes', wholeNumber(1))
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
    .argument('<workspace>', 'slug, name, id or beginning of an id')
    .action(async (reference: string, _flags, command: Command) => {
      const context = contextOf(command)
      show(context, await findWorkspace(context.client, reference))
    })

  program
    .command('wait')
    .description('wait until a workspace is ready, or has come to rest otherwise')
    .argument('<workspace>', 'slug, name, id or beginning of an id')
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
    .argument('<workspace>', 'slug, name, id or beginning of an id')
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
    endpoint,
    id,
    labels,
    machine_id,
    machine_region,
    name,
    reason,
    region,
    runtime,
    slug,
    status,
    tier,
  } = workspace
  print(`${clean(name)}  ${statusText(status)}`)
  const lines: [string, string][] = [
    ['id', id],
    ...(slug === null ? [] : [['slug', slug] as [string, string]]),
    ...(Object.keys(labels).length === 0 ? [] : [['labels', labelsText(labels)] as [string, string]]),
    ['runtime', [runtime, ...(tier === null ? [] : [`tier ${tier}`, machine_region ?? region])].join(', ')],
    ['machine', machine_id ?? (runtime === 'external' ? 'none: the agent runs elsewhere' : 'none')],
    ['A2A', endpoint],
  ]
  for (const [label, value] of lines) print(`  ${label.padEnd(8)} ${value}`)
  if (reason !== null)
    print(`  ${'reason'.padEnd(8)} ${clean(reason.message)}\n  ${''.padEnd(8)} ${clean(reason.hint)}`)
}

const labelsText = (labels: Workspace['labels']): string =>
  clean(
    Object.entries(labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(' '),
  )

async function createInput(client: Client, name: string, flags: CreateFlags): Promise<CreateWorkspace> {
  const { idle, image, model, parent, region, role, runtime, slug, tier } = flags
  return {
    name,
    ...defined({ slug, runtime, region, model, role, image }),
    ...(tier === undefined ? {} : { tier: Number(tier) }),
    ...(idle === undefined ? {} : { idle_minutes: idle }),
    ...(parent === undefined ? {} : { parent_id: await findWorkspaceId(client, parent) }),
    ...(flags.env === undefined ? {} : { env: assignments('--env', flags.env) }),
    ...(flags.label === undefined ? {} : { labels: labelsFrom(flags.label) }),
    ...(flags.secret === undefined ? {} : { secrets: assignments('--secret', flags.secret) }),
  }
}

const defined = (values: Record<string, string | undefined>) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))

/** `NAME=value` pairs; `NAME` alone takes the value of this process's environment. */
export const assignments = (flag: string, pairs: readonly string[]): Record<string, string> =>
  valuesOf(flag, pairs, (name) => {
    const value = process.env[name]
    if (value !== undefined) return value
    throw new UsageError(`${flag} ${name}: give NAME=value, or set ${name} in the environment`)
  })

/** `key=value` pairs. */
const labelsFrom = (pairs: readonly string[]): Record<string, string> =>
  valuesOf('--label', pairs, (text) => {
    throw new UsageError(`--label ${text}: give key=value`)
  })

/** @param valueWithout of a pair without `=` */
function valuesOf(
  flag: string,
  pairs: readonly string[],
  valueWithout: (text: string) => string,
): Record<string, string> {
  const values = new Map<string, string>()
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    const name = at === -1 ? pair : pair.slice(0, at)
    if (values.has(name)) throw new UsageError(`${flag} ${name}: it is given twice`)
    values.set(name, at === -1 ? valueWithout(name) : pair.slice(at + 1))
  }
  return Object.fromEntries(values)
}
