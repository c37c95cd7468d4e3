// What a person and an agent say to each other, over the A2A client: the request of one message, and the text of what comes back.
import { type Part, SendMessageRequest } from '@a2a-js/sdk'

/** What one exchange leaves behind for the next one. Empty texts: nothing yet. */
export type Conversation = { contextId: string; taskId: string }

export const messageRequest = (text: string, { contextId, taskId }: Conversation): SendMessageRequest =>
  SendMessageRequest.fromJSON({
    message: { messageId: crypto.randomUUID(), role: 'ROLE_USER', contextId, taskId, parts: [{ text }] },
  })

/** The text of parts, without control characters, which an agent could use against a terminal. A file is its name. */
export const textOfParts = (parts: readonly Part[]): string =>
  parts
    .map(({ content, filename }) => {
      if (content?.$case === 'text') return content.value
      if (content?.$case === 'data') return JSON.stringify(content.value)
      return content === undefined ? '' : `[file ${filename}]`
    })
    .join('')
    .replaceAll(/[^\P{Cc}\n\t]/gu, '')
