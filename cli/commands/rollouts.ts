// rollout: a new image for the workspaces of a runtime, its progress, and the commands that stop or reverse it.
import { type Command, Option } from 'commander'
import type { components } from '../../client/api.d.ts'
import type { Client, Rollout, RolloutQuery } from '../../client/client.ts'
import { type CommandContext, contextOf } from '../context.ts'
import { defined } from '../defined.ts'
import { findId } from '../find-by-id.ts'
import { findWorkspaceIds } from '../find-workspace.ts'
import { wholeNumber } from '../number-option.ts'
import { age, clean, print, printJson, printTable, shortImage, statusText } from '../output.ts'
import { repeated } from '../repeated.ts'

type Progress = components['schemas']['RolloutProgress']

const WHEN_BUSY = ['skip', 'wait', 'restart'] as const

type StartFlags = {
  workspace?: string[]
  tranche?: (number | string)[]
  maxFailures?: number
  ready?: number
  watch?: number
  busy?: number
  whenBusy?: (typeof WHEN_BUSY)[number]
}

/** Collects the sizes of groups, for commander: numbers, and shares such as `10%`. */
const tranches = (text: string, before: readonly (number | string)[] = []): (number | string)[] => [
  ...before,
  text.endsWith('%') ? text : wholeNumber(1)(text),
]

const VERBS = {
  halt: 'stop: no more workspaces receive the image',
  resume: 'continue a halted rollout',
  rollback: 'give all workspaces the previous image again',
} as const

export function addRolloutCommands(program: Command): void {
  const rollout = program
    .command('rollout')
    .description('bring a new image to the workspaces of a runtime')
    .addHelpText(
      'after',
      `
Examples:
  molecule-fly rollout start hermes registry.fly.io/my-workspaces:hermes-2
  molecule-fly rollout ls
  molecule-fly rollout get 3f2a                         the beginning of an id is enough`,
    )

  rollout
    .command('start')
    .description('start a rollout')
    .argument('<runtime>', 'runtime, such as hermes')
    .argument('<image>', 'image with a tag or digest')
    .option(
      '-w, --workspace <workspace>',
      'a workspace that tries the image first; repeat it for several',
      repeated,
    )
    .option(
      '--tranche <size>',
      'size of a group: a number, or a share such as 10%; repeat it for several',
      tranches,
    )
    .option('--max-failures <count>', 'failed workspaces after which it halts', wholeNumber(0))
    .option('--ready <seconds>', 'how long a workspace may take to become ready', wholeNumber(1))
    .option('--watch <seconds>', 'how long a group is watched before the next one begins', wholeNumber(0))
    .option('--busy <seconds>', 'how long it waits for a workspace at work', wholeNumber(0))
    .addOption(
      new Option('--when-busy <what>', 'what happens to a workspace that is at work for longer').choices(
        WHEN_BUSY,
      ),
    )
    .action(async (runtime: string, image: string, flags: StartFlags, command: Command) => {
      const context = contextOf(command)
      const { client } = context
      const { busy, maxFailures, ready, tranche, watch, whenBusy, workspace } = flags
      const { data } = await client.api.POST('/rollouts', {
        body: {
          runtime,
          image,
          ...defined({
            workspaces: workspace && (await findWorkspaceIds(client, workspace)),
            tranches: tranche,
            max_failures: maxFailures,
            ready_seconds: ready,
            watch_seconds: watch,
            busy_seconds: busy,
            when_busy: whenBusy,
          }),
        },
      })
      if (data !== undefined) showRollout(context, data)
    })

  rollout
    .command('ls')
    .description('list rollouts, newest first')
    .option('--runtime <runtime>', 'only rollouts of this runtime')
    .option('--limit <count>', 'at most this many', wholeNumber(1), 20)
    .action(async (flags: { runtime?: string; limit: number }, command: Command) => {
      const { client, json } = contextOf(command)
      // The server knows the runtimes, and refuses an unknown one by name.
      const query = { ...flags, limit: Math.min(flags.limit, MOST_PER_PAGE) } as RolloutQuery
      const rollouts: Rollout[] = []
      for await (const one of client.listRollouts(query)) {
        rollouts.push(one)
        if (rollouts.length === flags.limit) break
      }
      if (!json) return printRollouts(rollouts)
      const { data } = await client.api.GET('/rollouts', { params: { query: { limit: 1 } } })
      printJson({ ...data, rollouts })
    })

  rollout
    .command('get')
    .description('show the progress of a rollout, workspace by workspace')
    .argument('<id>', 'id of the rollout, or its beginning')
    .action(async (reference: string, _flags, command: Command) => {
      const context = contextOf(command)
      const path = { id: await findRolloutId(context.client, reference) }
      const { data } = await context.client.api.GET('/rollouts/{id}', { params: { path } })
      if (data === undefined) return
      showRollout(context, data)
      if (!context.json) showProgress(data)
    })

  for (const [verb, description] of Object.entries(VERBS) as [keyof typeof VERBS, string][]) {
    rollout
      .command(verb)
      .description(description)
      .argument('<id>', 'id of the rollout, or its beginning')
      .action(async (reference: string, _flags, command: Command) => {
        const context = contextOf(command)
        const path = { id: await findRolloutId(context.client, reference) }
        const { data } = await context.client.api.POST(`/rollouts/{id}/${verb}`, { params: { path } })
        if (data !== undefined) showRollout(context, data)
      })
  }
}

const MOST_PER_PAGE = 100

const findRolloutId = (client: Client, reference: string): Promise<string> =>
  findId(
    'rollout',
    reference,
    async () => {
      const rollouts: Rollout[] = []
      for await (const one of client.listRollouts({ limit: MOST_PER_PAGE })) rollouts.push(one)
      return rollouts
    },
    'rollout ls',
  )

function printRollouts(rollouts: readonly Rollout[]): void {
  printTable(
    ['ID', 'RUNTIME', 'STATE', 'TRANCHE', 'IMAGE', 'AGE'],
    rollouts.map(({ created_at, id, image, runtime, state, tranche, tranches }) => [
      id,
      runtime,
      statusText(state),
      `${tranche} of ${tranches.length}`,
      shortImage(image),
      age(created_at),
    ]),
  )
}

/** Prints one rollout: all of it as JSON, or its row and why it stands still. */
function showRollout({ json }: CommandContext, rollout: Rollout): void {
  if (json) return printJson(rollout)
  printRollouts([rollout])
  if (rollout.reason !== null) print(`\n${clean(rollout.reason.message)}\n${clean(rollout.reason.hint)}`)
}

function showProgress({ counts, workspaces }: Progress): void {
  const { deaths, failed, ready, restoring, updating, waiting_busy, waiting_idle } = counts
  const parts = { updating, ready, failed, restoring, waiting: waiting_idle + waiting_busy, deaths }
  print(
    `\n${Object.entries(parts)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ')}`,
  )
  if (workspaces.length === 0) return
  print('')
  printTable(
    ['WORKSPACE', 'NAME', 'TRANCHE', 'STATE', 'STATUS', 'REASON'],
    workspaces.map(({ name, reason, state, status, tranche, workspace_id }) => [
      workspace_id,
      clean(name),
      String(tranche),
      state,
      statusText(status),
      clean(reason?.message ?? '-'),
    ]),
  )
}
