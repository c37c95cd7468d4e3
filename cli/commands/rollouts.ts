// rollout: a new image for the workspaces of a runtime, its progress, and the commands that stop or reverse it.
import type { Command } from 'commander'
import type { components } from '../../client/api.d.ts'
import type { Client } from '../../client/client.ts'
import { type CommandContext, contextOf } from '../context.ts'
import { findId } from '../find-by-id.ts'
import { age, clean, print, printJson, printTable, shortImage, statusText } from '../output.ts'

type Rollout = components['schemas']['Rollout']
type Progress = components['schemas']['RolloutProgress']

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
    .action(async (runtime: string, image: string, _flags, command: Command) => {
      const context = contextOf(command)
      const { data } = await context.client.api.POST('/rollouts', { body: { runtime, image } })
      if (data !== undefined) showRollout(context, data)
    })

  rollout
    .command('ls')
    .description('list rollouts, newest first')
    .action(async (_flags, command: Command) => {
      const { client, json } = contextOf(command)
      const { data } = await client.api.GET('/rollouts')
      if (json) return printJson(data)
      printRollouts(data?.rollouts ?? [])
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

/** Finds one of the newest hundred rollouts. */
const findRolloutId = (client: Client, reference: string): Promise<string> =>
  findId(
    'rollout',
    reference,
    async () =>
      (await client.api.GET('/rollouts', { params: { query: { limit: 100 } } })).data?.rollouts ?? [],
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
