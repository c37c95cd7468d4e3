// messages: what was stored for a workspace, and how its delivery went.
import { type Command, Option } from 'commander'
import { contextOf } from '../context.ts'
import { findId } from '../find-by-id.ts'
import { findWorkspaceId, WORKSPACE_ARGUMENT } from '../find-workspace.ts'
import { wholeNumber } from '../number-option.ts'
import { age, clean, print, printJson, printTable } from '../output.ts'

const STATES = ['queued', 'sending', 'answered', 'failed', 'unknown'] as const

type ListFlags = { state?: (typeof STATES)[number]; limit: number }

/** Most messages that the API lists. */
const MOST_MESSAGES = 500

export function addMessageCommands(program: Command): void {
  const messages = program
    .command('messages')
    .description('list and show stored messages of a workspace')
    .addHelpText(
      'after',
      `
Examples:
  molecule-fly messages ls coder --state failed
  molecule-fly messages get coder 3f2a --wait 60         the beginning of an id is enough`,
    )

  messages
    .command('ls')
    .description('list messages, newest first')
    .argument(...WORKSPACE_ARGUMENT)
    .addOption(new Option('--state <state>', 'only messages in this state').choices(STATES))
    .option('--limit <count>', 'at most this many', wholeNumber(1), 100)
    .action(async (reference: string, query: ListFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const path = { id: await findWorkspaceId(client, reference) }
      const { data = [] } = await client.api.GET('/workspaces/{id}/messages', { params: { path, query } })
      if (json) return printJson(data)
      printTable(
        ['ID', 'STATE', 'METHOD', 'FROM', 'ATTEMPTS', 'AGE', 'FAILURE'],
        data.map(({ attempts, created_at, failure, id, method, source_id, state }) => [
          id,
          state,
          clean(method),
          source_id,
          String(attempts),
          age(created_at),
          failure === null ? null : clean(failure.message),
        ]),
      )
    })

  messages
    .command('get')
    .description('show a message, and the answer of the agent')
    .argument(...WORKSPACE_ARGUMENT)
    .argument('<id>', 'id of the message, or its beginning')
    .option('--wait <seconds>', 'wait until it is finished, at most 60', wholeNumber(1))
    .action(async (reference: string, one: string, { wait }: { wait?: number }, command: Command) => {
      const { client, json } = contextOf(command)
      const id = await findWorkspaceId(client, reference)
      const list = async () =>
        (
          await client.api.GET('/workspaces/{id}/messages', {
            params: { path: { id }, query: { limit: MOST_MESSAGES } },
          })
        ).data ?? []
      const message = await findId('message', one, list, `messages ls ${reference}`)
      const { data } = await client.api.GET('/workspaces/{id}/messages/{message}', {
        params: { path: { id, message }, header: wait === undefined ? {} : { Prefer: `wait=${wait}` } },
      })
      if (json || data === undefined) return printJson(data)
      print(`${data.id}  ${data.state}, ${clean(data.method)}, ${age(data.created_at)} ago`)
      if (data.failure !== null) print(clean(data.failure.message))
      if (data.response !== null) printJson(data.response)
    })
}
