// schedules: messages that are sent to a workspace at the times of a cron expression.
import type { Command } from 'commander'
import type { components } from '../../client/api.d.ts'
import { contextOf, UsageError } from '../context.ts'
import { defined } from '../defined.ts'
import { findWorkspaceId, WORKSPACE_ARGUMENT } from '../find-workspace.ts'
import { clean, printJson, printTable, report } from '../output.ts'

type Schedule = components['schemas']['Schedule']
type ScheduleFlags = { cron?: string; message?: string; timeZone?: string }

const NAME: [string, string] = ['<name>', 'name of the schedule']
const TIME_ZONE: [string, string] = ['--time-zone <name>', 'such as Europe/Berlin; UTC if none was given']

export function addScheduleCommands(program: Command): void {
  const schedules = program
    .command('schedules')
    .description('list, create, change and delete messages at fixed times')
    .addHelpText(
      'after',
      `
Examples:
  molecule-fly schedules create coder morning-report '0 7 * * 1-5' What is new? --time-zone Europe/Berlin
  molecule-fly schedules edit coder morning-report --cron '30 7 * * *'
  molecule-fly schedules disable coder morning-report`,
    )

  schedules
    .command('ls')
    .description('list schedules')
    .argument(...WORKSPACE_ARGUMENT)
    .action(async (reference: string, _flags, command: Command) => {
      const { client, json } = contextOf(command)
      const path = { id: await findWorkspaceId(client, reference) }
      const { data = [] } = await client.api.GET('/workspaces/{id}/schedules', { params: { path } })
      if (json) return printJson(data)
      printSchedules(data)
    })

  schedules
    .command('create')
    .description('create a schedule')
    .argument(...WORKSPACE_ARGUMENT)
    .argument(...NAME)
    .argument('<cron>', 'minute, hour, day of the month, month and day of the week, in quotes')
    .argument('<message...>', 'text of the message')
    .option(...TIME_ZONE)
    .action(
      async (
        reference: string,
        name: string,
        cron: string,
        words: string[],
        { timeZone }: ScheduleFlags,
        command: Command,
      ) => {
        const { client, json } = contextOf(command)
        const path = { id: await findWorkspaceId(client, reference) }
        const { data } = await client.api.POST('/workspaces/{id}/schedules', {
          params: { path },
          body: { name, cron, message: words.join(' '), ...defined({ time_zone: timeZone }) },
        })
        if (json || data === undefined) return printJson(data)
        printSchedules([data])
      },
    )

  const change = async (
    command: Command,
    reference: string,
    schedule: string,
    body: { cron?: string; message?: string; time_zone?: string; enabled?: boolean },
  ) => {
    const { client, json } = contextOf(command)
    const path = { id: await findWorkspaceId(client, reference), schedule }
    const { data } = await client.api.PATCH('/workspaces/{id}/schedules/{schedule}', {
      params: { path },
      body,
    })
    if (json || data === undefined) return printJson(data)
    printSchedules([data])
  }

  schedules
    .command('edit')
    .description('change a schedule: only what is given')
    .argument(...WORKSPACE_ARGUMENT)
    .argument(...NAME)
    .option('--cron <cron>', 'other times')
    .option('--message <text>', 'another message')
    .option(...TIME_ZONE)
    .action(async (reference: string, name: string, flags: ScheduleFlags, command: Command) => {
      const { cron, message, timeZone } = flags
      const body = defined({ cron, message, time_zone: timeZone })
      if (Object.keys(body).length === 0)
        throw new UsageError("nothing is to be changed; see 'molecule-fly schedules edit --help'")
      await change(command, reference, name, body)
    })

  for (const verb of ['enable', 'disable'] as const) {
    schedules
      .command(verb)
      .description(verb === 'enable' ? 'use a schedule again' : 'send nothing until it is enabled')
      .argument(...WORKSPACE_ARGUMENT)
      .argument(...NAME)
      .action((reference: string, name: string, _flags, command: Command) =>
        change(command, reference, name, { enabled: verb === 'enable' }),
      )
  }

  schedules
    .command('rm')
    .description('delete a schedule; messages that it has sent are still delivered')
    .argument(...WORKSPACE_ARGUMENT)
    .argument(...NAME)
    .action(async (reference: string, schedule: string, _flags, command: Command) => {
      const { client } = contextOf(command)
      const path = { id: await findWorkspaceId(client, reference), schedule }
      await client.api.DELETE('/workspaces/{id}/schedules/{schedule}', { params: { path } })
      report(`${schedule}: deleted`)
    })
}

function printSchedules(schedules: readonly Schedule[]): void {
  printTable(
    ['NAME', 'CRON', 'TIME ZONE', 'ENABLED', 'NEXT', 'LAST', 'FAILURE', 'MESSAGE'],
    schedules.map((schedule) => [
      schedule.name,
      schedule.cron,
      schedule.time_zone,
      schedule.enabled ? 'yes' : 'no',
      schedule.next_run_at,
      schedule.last_run_at,
      schedule.last_failure === null ? null : clean(schedule.last_failure.message),
      clean(schedule.message),
    ]),
  )
}
