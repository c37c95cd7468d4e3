// events: the log of changes, read or followed.
import { type Command, Option } from 'commander'
import type { Event, EventType } from '../../client/client.ts'
import { contextOf } from '../context.ts'
import { findWorkspaceId } from '../find-workspace.ts'
import { wholeNumber } from '../number-option.ts'
import { clean, print } from '../output.ts'
import { repeated } from '../repeated.ts'

type EventFlags = {
  workspace?: string
  type?: string[]
  since?: string
  until?: string
  label?: string[]
  follow?: boolean
  after?: number
  tail?: number
}

export function addEventCommand(program: Command): void {
  program
    .command('events')
    .description('show events, oldest first')
    .addOption(new Option('-w, --workspace <workspace>', 'only events of this workspace').conflicts('label'))
    .option(
      '-l, --label <key=value>',
      'only events of workspaces with this label; repeat it for several',
      repeated,
    )
    .option('--type <type>', 'only events of this type; repeat it for several', repeated)
    .option('--since <time>', 'all events since a time, or an age such as 15m')
    .addOption(new Option('--until <time>', 'only events before a time').conflicts('follow'))
    .addOption(
      new Option('--after <number>', 'all events after this number')
        .argParser(wholeNumber(0))
        .conflicts('tail'),
    )
    .option(
      '-n, --tail <count>',
      'only the newest, at most 1000; without --since and --after: 20',
      wholeNumber(0),
    )
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
      const hasBeginning = flags.after !== undefined || flags.since !== undefined
      const tail = flags.tail ?? (hasBeginning ? undefined : 20)
      const filter = {
        // The server knows the types, and refuses an unknown one by name.
        types: flags.type as EventType[] | undefined,
        workspaceId:
          flags.workspace === undefined ? undefined : await findWorkspaceId(client, flags.workspace),
        labels: flags.label,
        since: flags.since,
        until: flags.until,
        after: flags.after,
        tail: tail === 0 ? undefined : tail,
      }
      if (flags.follow === true) {
        for await (const event of client.followEvents(filter)) show(event)
      } else if (tail !== 0) {
        for await (const event of client.listEvents(filter)) show(event)
      }
    })
}

function lineOf({ at, payload, type, workspace_id }: Event): string {
  const text = clean(JSON.stringify(payload))
  return `${at}  ${type.padEnd(24)} ${workspace_id ?? '-'}  ${text.length > 120 ? `${text.slice(0, 119)}…` : text}`
}
