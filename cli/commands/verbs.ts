// restart, pause, resume, hibernate, rm: commands that change a workspace's machine. Each waits until the workspace has
// come to rest, unless --no-wait is given.
import type { Command } from 'commander'
import type { Client } from '../../client/client.ts'
import { contextOf } from '../context.ts'
import { defined, orNull } from '../defined.ts'
import { findWorkspaceId, findWorkspaceIds, WORKSPACE_ARGUMENT } from '../find-workspace.ts'
import { printJson, report } from '../output.ts'
import { show } from './workspaces.ts'

/** What a verb has of these depends on its options. */
type VerbFlags = { wait: boolean; force?: boolean; image?: string | false; wakeAt?: string | false }
type RemoveFlags = { children?: boolean; keepDisk?: boolean }

export function addVerbCommands(program: Command): void {
  addVerb(program, 'restart', 'boot the machine with the newest settings', (client, id, { force, image }) =>
    client.api.POST('/workspaces/{id}/restart', {
      params: { path: { id }, query: forced(force) },
      body: defined({ image: orNull(image) }),
    }),
  )
    .option('--force', 'at once, although work is under way')
    .option('--image <image>', 'with this image from now on')
    .option('--no-image', "with the runtime's image from now on")

  addVerb(program, 'pause', 'stop the machine until it is resumed', (client, id) =>
    client.api.POST('/workspaces/{id}/pause', { params: { path: { id } } }),
  )
  addVerb(program, 'resume', 'start a paused workspace, or wake a hibernated one', (client, id) =>
    client.api.POST('/workspaces/{id}/resume', { params: { path: { id } } }),
  )

  addVerb(
    program,
    'hibernate',
    'put the machine to sleep until a message comes',
    (client, id, { force, wakeAt }) =>
      client.api.POST('/workspaces/{id}/hibernate', {
        params: { path: { id }, query: forced(force) },
        body: defined({ wake_at: orNull(wakeAt) }),
      }),
  )
    .option('--force', 'although it is at work or held')
    .option('--wake-at <time>', 'when it wakes by itself, such as 2027-01-31T08:00:00Z')
    .option('--no-wake-at', 'no time to wake')

  program
    .command('rm')
    .description('remove workspaces with their machines and disks')
    .argument('<workspaces...>', 'slugs, names, ids or beginnings of ids')
    .option('--children', 'also remove their descendants')
    .option('--keep-disk', 'keep the disks, which `disks` lists until they are deleted')
    .action(async (references: string[], { children, keepDisk }: RemoveFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const ids = await findWorkspaceIds(client, references)
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

const forced = (force: boolean | undefined) => (force === true ? ({ force: 'true' } as const) : {})

/** A command on one workspace. @param send requests the change */
function addVerb(
  program: Command,
  verb: string,
  description: string,
  send: (client: Client, id: string, flags: VerbFlags) => Promise<unknown>,
): Command {
  return program
    .command(verb)
    .description(description)
    .argument(...WORKSPACE_ARGUMENT)
    .option('--no-wait', 'return at once')
    .action(async (reference: string, flags: VerbFlags, command: Command) => {
      const context = contextOf(command)
      const id = await findWorkspaceId(context.client, reference)
      await send(context.client, id, flags)
      const workspace = flags.wait
        ? await context.client.waitForWorkspace(id)
        : await context.client.getWorkspace(id)
      show(context, workspace)
      if (workspace.status === 'failed') process.exitCode = 1
    })
}
