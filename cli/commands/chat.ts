// chat: talk to the agent of a workspace. Interactive on a terminal; with a message as argument, or piped text, it
// sends one message and prints the answer.
import { createInterface } from 'node:readline/promises'
import { StreamResponse } from '@a2a-js/sdk'
import type { Client as A2aClient } from '@a2a-js/sdk/client'
import type { Command } from 'commander'
import { connectToAgent } from '../../client/agent.ts'
import { type Conversation, messageRequest, textOfParts } from '../../client/conversation.ts'
import { contextOf, UsageError } from '../context.ts'
import { findWorkspaceId, WORKSPACE_ARGUMENT } from '../find-workspace.ts'
import { print, report, styled } from '../output.ts'

export function addChatCommand(program: Command): void {
  program
    .command('chat')
    .description('talk to the agent of a workspace')
    .argument(...WORKSPACE_ARGUMENT)
    .argument('[message...]', 'one message; without it, standard input or a conversation')
    .addHelpText(
      'after',
      `
Examples:
  molecule-fly chat fly-worker
  molecule-fly chat fly-worker What region are you running in?
  git diff | molecule-fly chat reviewer --json`,
    )
    .action(async (reference: string, words: string[], _flags, command: Command) => {
      const { client, json } = contextOf(command)
      const id = await findWorkspaceId(client, reference)
      const message = await messageOf(words)
      const agent = await connectToAgent(client, id)
      if (message === undefined) return converse(agent, reference)
      return sendOne(agent, message, json)
    })
}

/** The words, or what is piped; undefined on a terminal. @throws UsageError when that is nothing */
async function messageOf(words: readonly string[]): Promise<string | undefined> {
  if (words.length === 0 && process.stdin.isTTY) return undefined
  const text = words.length > 0 ? words.join(' ') : Buffer.concat(await process.stdin.toArray()).toString()
  if (text.trim() === '') throw new UsageError('chat: the message is empty')
  return text
}

async function sendOne(agent: A2aClient, text: string, json: boolean): Promise<void> {
  for await (const piece of agent.sendMessageStream(messageRequest(text, { contextId: '', taskId: '' }))) {
    if (json) print(JSON.stringify(StreamResponse.toJSON(piece)))
    else process.stdout.write(textOf(piece))
  }
  if (!json) print('')
}

async function converse(agent: A2aClient, name: string): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  report(`Chat with ${name}. Ctrl-D ends it.`)
  let conversation: Conversation = { contextId: '', taskId: '' }
  terminal.setPrompt(styled('bold', '> '))
  terminal.prompt()
  for await (const line of terminal) {
    if (line.trim() !== '') {
      try {
        for await (const piece of agent.sendMessageStream(messageRequest(line, conversation))) {
          process.stdout.write(textOf(piece))
          conversation = { ...conversation, ...idsOf(piece) }
        }
        print('')
      } catch (error) {
        report(styled('red', error instanceof Error ? error.message : String(error)))
      }
    }
    terminal.prompt()
  }
  print('')
}

/** The text of one piece of an answer. */
function textOf({ payload }: StreamResponse): string {
  switch (payload?.$case) {
    case 'message':
      return textOfParts(payload.value.parts)
    case 'artifactUpdate':
      return textOfParts(payload.value.artifact?.parts ?? [])
    case 'statusUpdate':
      return textOfParts(payload.value.status?.message?.parts ?? [])
    case 'task':
      return payload.value.artifacts.map(({ parts }) => textOfParts(parts)).join('\n')
    case undefined:
      return ''
  }
}

function idsOf({ payload }: StreamResponse): Partial<Conversation> {
  switch (payload?.$case) {
    case 'message':
      return { contextId: payload.value.contextId }
    case 'task':
      return { contextId: payload.value.contextId }
    case 'statusUpdate':
    case 'artifactUpdate':
      return { contextId: payload.value.contextId }
    case undefined:
      return {}
  }
}
