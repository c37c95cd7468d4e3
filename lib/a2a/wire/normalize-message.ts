// Finds the members that a 0.3 message lacks. The tutorial's message has neither `messageId` nor `kind`, and 0.3
// servers need both (docs/facts/a2a.md §1.4). Everything else of the message stays as it is.
import type { InsertedText } from './insert-text.ts'
import type { Envelope } from './json-rpc.ts'
import { type Insertion, type MessageOutline, type RequestOutline, stringAt } from './request-outline.ts'
import { textAt } from './span.ts'

const SENDS_0_3 = new Set(['message/send', 'message/stream'])

/** What is missing in a message. */
export type Completion = {
  /** In ascending order of their positions. */
  insertions: InsertedText[]
  /** The id among them, if the message had none. */
  messageId: string | undefined
}

/** Longest message id in the params that is reported as the id of the message, in bytes as it is written. */
const MAX_ID_LENGTH = 4_000

/** Only what is absent is added: the agent refuses a wrong value. */
export function completionOf(body: Uint8Array, { method, outline }: Envelope): Completion {
  const insertions: InsertedText[] = []
  if (outline === undefined || method === undefined) return { insertions, messageId: undefined }
  // Molecule's own callers send a body without an envelope. A body that has one is never given an id
  // (docs/facts/a2a.md §1.4).
  if (!outline.hasJsonrpc) {
    const id = outline.id === undefined ? [member('id', crypto.randomUUID())] : []
    add(insertions, outline.insertion, [member('jsonrpc', '2.0'), ...id])
  }
  const messageId =
    SENDS_0_3.has(method) && outline.message !== undefined
      ? completeMessage(insertions, body, outline, outline.message)
      : undefined
  return { insertions, messageId }
}

/** @returns the id that was added */
function completeMessage(
  insertions: InsertedText[],
  body: Uint8Array,
  { paramsMessageId }: RequestOutline,
  message: MessageOutline,
): string | undefined {
  const members: string[] = []
  let added: string | undefined
  if (!message.hasKind) members.push(member('kind', 'message'))
  if (message.messageId === undefined) {
    const given = paramsMessageId && textAt(body, paramsMessageId)
    if (given === undefined || given === 'null') {
      added = crypto.randomUUID()
      members.push(member('messageId', added))
    } else {
      added = stringAt(body, paramsMessageId, MAX_ID_LENGTH)
      members.push(`"messageId":${given}`)
    }
  }
  add(insertions, message.insertion, members)
  for (const { insertion, kind } of message.incompleteParts)
    add(insertions, insertion, [member('kind', kind)])
  return added
}

function add(insertions: InsertedText[], { at, isEmpty }: Insertion, members: string[]): void {
  if (members.length > 0) insertions.push({ at, text: `${members.join(',')}${isEmpty ? '' : ','}` })
}

const member = (name: string, value: string) => `"${name}":${JSON.stringify(value)}`
