// restart, pause, resume, hibernate, rm: commands that change a workspace's machine. Each waits until the workspace has
// come to rest, unless --no-wait is given.
import type { Command } from 'commander'
import { contextOf } from '../context.ts'
import { findWorkspaceId } from '../find-workspace.ts'
import { printJson, report } from '../output.ts'
import { show } from './workspaces.ts'

const VERBS = {
  restart: 'boot the machine with the newest settings',
  pause: 'stop the machine until it is resumed',
  resume: 'start a paused workspace, or wake a hibernated one',
  hibernate: 'put the machine to sleep until a message comes',
} as const

type RemoveFlags = { children?: boolean; keepDisk?: boolean }

export function addVerbCommands(program: Command): void {
  for (const verb of Object.keys(VERBS) as (keyof typeof VERBS)[]) {
    program
      .command(verb)
      .description(VERBS[verb])
      .argument('<workspace>', 'slug, name, id or beginning of an id')
      .option('--no-wait', 'return at once')
      .action(async (reference: string, { wait }: { wait: boolean }, command: Command) => {
        const context = contextOf(command)
        const id = await findWorkspaceId(context.client, reference)
        await context.client.api.POST(`/workspaces/{id}/${verb}`, { params: { path: { id } } })
        const workspace = wait
          ? await context.client.waitForWorkspace(id)
          : await context.client.getWorkspace(id)
        show(context, workspace)
        if (workspace.status === 'failed') process.exitCode = 1
      })
  }

  program
    .command('rm')
    .description('remove workspaces with their machines and disks')
    .argument('<workspaces...>', 'slugs, names, ids or beginnings of ids')
    .option('--children', 'also remove their descendants')
    .option('--keep-disk', 'keep the disks, which `disks` lists until they are deleted')
    .action(async (references: string[], { children, keepDisk }: RemoveFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const ids = await Promise.all(references.map((reference) => findWorkspaceId(client, reference)))
      for (const id of ids) {
        await client.api.DELETE('/workspaces/{id}', {
          params: {
            path: { id },
            header: { Prefer: 'wait=60' },
            query: {
              ...(children === true ? { confirm: 'true' } : {}),
              ...(keepDisk === true ? { keep_disk: 'true' } : {}),
            },
          },
        })
        report(`${id}: removed`)
      }
      if (json) printJson(ids)
    })
}
