// disks, snapshots, restore, fork: what keeps a workspace's work.
import type { Command } from 'commander'
import type { Disk } from '../../client/client.ts'
import { contextOf, UsageError } from '../context.ts'
import { findWorkspaceId, WORKSPACE_ARGUMENT } from '../find-workspace.ts'
import { age, dollars, print, printJson, printTable, report } from '../output.ts'
import { show } from './workspaces.ts'

type Kept = Pick<Disk, 'retained_at' | 'retained_reason' | 'retained_until'>

function keptUntil({ retained_at, retained_reason, retained_until }: Kept): string {
  if (retained_at === null) return '-'
  if (retained_reason === 'copy_wanted') return 'its copy is made'
  return retained_until ?? 'deleted by hand'
}

export function addDiskCommands(program: Command): void {
  const disks = program
    .command('disks')
    .description('list and delete disks, also those of removed workspaces')

  disks
    .command('ls')
    .description('list disks')
    .option('--retained', 'only disks that are kept without a workspace')
    .action(async ({ retained }: { retained?: boolean }, command: Command) => {
      const { client, json } = contextOf(command)
      const query = retained === true ? ({ retained: 'true' } as const) : {}
      const rows: Disk[] = []
      for await (const disk of client.listDisks(query)) rows.push(disk)
      if (json) return printJson(rows)
      printTable(
        ['ID', 'STATE', 'SIZE', 'REGION', 'WORKSPACE', 'KEPT UNTIL', 'USD/MONTH'],
        rows.map((disk) => [
          disk.id,
          disk.state,
          `${disk.size_gb} GB`,
          disk.region ?? '-',
          disk.workspace_id ?? '-',
          keptUntil(disk),
          dollars(disk.usd_per_month),
        ]),
      )
    })

  disks
    .command('rm')
    .description('delete disks that no workspace has, with their data')
    .argument('<ids...>', 'ids of disks')
    .action(async (ids: string[], _flags, command: Command) => {
      const { client } = contextOf(command)
      for (const disk of ids) {
        await client.api.DELETE('/disks/{disk}', { params: { path: { disk } } })
        report(`${disk}: deleted`)
      }
    })

  const snapshots = program.command('snapshots').description("list and take snapshots of a workspace's disk")

  snapshots
    .command('ls')
    .description('list snapshots, newest first')
    .argument(...WORKSPACE_ARGUMENT)
    .action(async (reference: string, _flags, command: Command) => {
      const { client, json } = contextOf(command)
      const path = { id: await findWorkspaceId(client, reference) }
      const { data = [] } = await client.api.GET('/workspaces/{id}/snapshots', { params: { path } })
      if (json) return printJson(data)
      printTable(
        ['ID', 'STATE', 'AGE', 'KEPT FOR'],
        data.map(({ created_at, id, retention_days, state }) => [
          id ?? '-',
          state,
          age(created_at),
          retention_days === null ? '-' : `${retention_days} days`,
        ]),
      )
    })

  snapshots
    .command('take')
    .description('take a snapshot, and wait until it can be used')
    .argument(...WORKSPACE_ARGUMENT)
    .action(async (reference: string, _flags, command: Command) => {
      const { client, json } = contextOf(command)
      const path = { id: await findWorkspaceId(client, reference) }
      const { data } = await client.api.POST('/workspaces/{id}/snapshots', {
        params: { path, header: { Prefer: 'wait=60' } },
      })
      if (json) return printJson(data)
      print(data?.snapshot?.id ?? 'requested')
    })

  program
    .command('restore')
    .description("replace a workspace's disk with a copy of a snapshot; the old disk is kept")
    .argument(...WORKSPACE_ARGUMENT)
    .argument('<snapshot>', 'id of the snapshot')
    .action(async (reference: string, snapshot: string, _flags, command: Command) => {
      const context = contextOf(command)
      const id = await findWorkspaceId(context.client, reference)
      await context.client.api.POST('/workspaces/{id}/restore', {
        params: { path: { id } },
        body: { snapshot },
      })
      show(context, await context.client.waitForWorkspace(id))
    })

  program
    .command('fork')
    .description('create a workspace with a copy of the disk of another one')
    .argument(...WORKSPACE_ARGUMENT)
    .argument('<name>', 'name of the new workspace')
    .option('--snapshot <id>', 'copy a snapshot instead of the disk as it is')
    .action(async (reference: string, name: string, flags: { snapshot?: string }, command: Command) => {
      const context = contextOf(command)
      if (name.trim() === '') throw new UsageError('fork: the name must not be empty')
      const workspace = await findWorkspaceId(context.client, reference)
      const from = flags.snapshot === undefined ? { workspace } : { snapshot: flags.snapshot }
      const { id } = await context.client.createWorkspace({ name, from })
      report(`${id}: copying the disk …`)
      const settled = await context.client.waitForWorkspace(id)
      show(context, settled)
      if (settled.status !== 'ready') process.exitCode = 1
    })
}
