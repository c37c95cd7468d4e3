// events: the log of changes, read or followed.
import type { Command } from 'commander'
import type { Event, EventType } from '../../client/client.ts'
import { contextOf } from '../context.ts'
import { findWorkspaceId } from '../find-workspace.ts'
import { clean, print } from '../output.ts'

type EventFlags = { workspace?: string; type?: string[]; follow?: boolean; after?: string; tail: string }

export function addEventCommand(program: Command): void {
  program
    .command('events')
    .description('show events, oldest first')
    .option('-w, --workspace <workspace>', 'only events of this workspace')
    .option('--type <types...>', 'only events of these types')
    .option('--after <number>', 'all events after this number')
    .option('-n, --tail <count>', 'the newest events', '20')
    .option('-f, --follow', 'stay, and print events as they happen')
    .action(async (flags: EventFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const show = (event: Event) => print(json ? JSON.stringify(event) : lineOf(event))
      const filter = {
        // The server knows the types, and refuses an unknown one by name.
        types: flags.type as EventType[] | undefined,
        workspaceId:
          flags.workspace === undefined ? undefined : await findWorkspaceId(client, flags.workspace),
      }
      let after = flags.after === undefined ? undefined : Number(flags.after)
      const most = flags.after === undefined ? Number(flags.tail) : Infinity
      const newest: Event[] = []
      for await (const event of client.listEvents({ ...filter, after })) {
        newest.push(event)
        if (newest.length > most) newest.shift()
      }
      newest.forEach(show)
      if (flags.follow !== true) return
      after = newest.at(-1)?.seq ?? after
      for await (const event of client.followEvents({ ...filter, after })) show(event)
    })
}

function lineOf({ at, payload, type, workspace_id }: Event): string {
  const text = clean(JSON.stringify(payload))
  return `${at}  ${type.padEnd(24)} ${workspace_id ?? '-'}  ${text.length > 120 ? `${text.slice(0, 119)}…` : text}`
}
