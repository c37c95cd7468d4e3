// Adds the members that a 0.3 message lacks. The tutorial's message has neither `messageId` nor `kind`, and 0.3
// servers need both (docs/facts/a2a.md §1.4). Everything else of the text stays as it is.
import type { Envelope } from './json-rpc.ts'
import { type Insertion, type MessageOutline, type RequestOutline, stringAt } from './request-outline.ts'

const SENDS_0_3 = new Set(['message/send', 'message/stream'])

/** `messageId`: the id that was added, if the message had none. */
export type CompletedMessage = { text: string; messageId: string | undefined }

/** Longest message id in the params that is reported as the id of the message, in characters as it is written. */
const MAX_ID_LENGTH = 4_000

/**
 * @returns the text to send: the original where nothing is missing. Only what is absent is added: the agent refuses a
 * wrong value.
 */
export function normalizeMessage(text: string, { method, outline }: Envelope): CompletedMessage {
  if (outline === undefined || method === undefined) return { text, messageId: undefined }
  const edits = new TextEdits(text)
  // Molecule's own callers send a body without an envelope. A body that has one is never given an id
  // (docs/facts/a2a.md §1.4).
  if (!outline.hasJsonrpc) {
    const id = outline.id === undefined ? [member('id', crypto.randomUUID())] : []
    edits.insert(outline.insertion, [member('jsonrpc', '2.0'), ...id])
  }
  const messageId =
    SENDS_0_3.has(method) && outline.message !== undefined
      ? completeMessage(edits, outline, outline.message)
      : undefined
  return { text: edits.result(), messageId }
}

/** @returns the id that was added */
function completeMessage(
  edits: TextEdits,
  { paramsMessageId }: RequestOutline,
  message: MessageOutline,
): string | undefined {
  const members: string[] = []
  let added: string | undefined
  if (!message.hasKind) members.push(member('kind', 'message'))
  if (message.messageId === undefined) {
    const given = paramsMessageId && edits.text.slice(paramsMessageId.start, paramsMessageId.end)
    if (given === undefined || given === 'null') {
      added = crypto.randomUUID()
      members.push(member('messageId', added))
    } else {
      added = stringAt(edits.text, paramsMessageId, MAX_ID_LENGTH)
      members.push(`"messageId":${given}`)
    }
  }
  edits.insert(message.insertion, members)
  for (const { insertion, kind } of message.incompleteParts) edits.insert(insertion, [member('kind', kind)])
  return added
}

const member = (name: string, value: string) => `"${name}":${JSON.stringify(value)}`

/** Insertions into a text, in ascending order of their positions. */
class TextEdits {
  readonly text: string
  #pieces: string[] = []
  #copiedTo = 0

  constructor(text: string) {
    this.text = text
  }

  insert({ at, isEmpty }: Insertion, members: string[]): void {
    if (members.length === 0) return
    this.#pieces.push(this.text.slice(this.#copiedTo, at), members.join(','), isEmpty ? '' : ',')
    this.#copiedTo = at
  }

  result(): string {
    return this.#copiedTo === 0 ? this.text : this.#pieces.join('') + this.text.slice(this.#copiedTo)
  }
}
