// events: the log of changes, read or followed.
import type { Command } from 'commander'
import type { Event, EventType } from '../../client/client.ts'
import { contextOf, UsageError } from '../context.ts'
import { findWorkspaceId } from '../find-workspace.ts'
import { clean, print } from '../output.ts'
import { repeated } from '../repeated.ts'

type EventFlags = {
  workspace?: string
  type?: string[]
  since?: string
  follow?: boolean
  after?: string
  tail: string
}

export function addEventCommand(program: Command): void {
  program
    .command('events')
    .description('show events, oldest first')
    .option('-w, --workspace <workspace>', 'only events of this workspace')
    .option('--type <type>', 'only events of this type; repeat it for several', repeated)
    .option('--since <time>', 'all events since a time, or an age such as 15m')
    .option('--after <number>', 'all events after this number')
    .option('-n, --tail <count>', 'the newest events, at most 1000', '20')
    .option('-f, --follow', 'stay, and print events as they happen')
    .addHelpText(
      'after',
      `
Examples:
  molecule-fly events -f --type gave_up --type machine_lost
  molecule-fly events -w fly-worker --since 1h --json | jq -r .type`,
    )
    .action(async (flags: EventFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const show = (event: Event) => print(json ? JSON.stringify(event) : lineOf(event))
      const after = flags.after === undefined ? undefined : countOf('--after', flags.after)
      const tail = countOf('--tail', flags.tail)
      const isTail = after === undefined && flags.since === undefined
      const filter = {
        // The server knows the types, and refuses an unknown one by name.
        types: flags.type as EventType[] | undefined,
        workspaceId:
          flags.workspace === undefined ? undefined : await findWorkspaceId(client, flags.workspace),
        since: flags.since,
        after,
        tail: isTail && tail > 0 ? tail : undefined,
      }
      if (flags.follow === true) {
        for await (const event of client.followEvents(filter)) show(event)
      } else if (!isTail || tail > 0) {
        for await (const event of client.listEvents(filter)) show(event)
      }
    })
}

function countOf(flag: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new UsageError(`${flag}: '${text}' is not a number`)
}

function lineOf({ at, payload, type, workspace_id }: Event): string {
  const text = clean(JSON.stringify(payload))
  return `${at}  ${type.padEnd(24)} ${workspace_id ?? '-'}  ${text.length > 120 ? `${text.slice(0, 119)}…` : text}`
}
