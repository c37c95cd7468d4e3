// The A2A messages that the control plane writes itself: of hooks, schedules and delegations. They are stored in A2A
// 0.3, which all of Molecule's runtimes speak (docs/facts/molecule.md §1.7), and sent in 1.0 to an agent that offers
// only that. Pure.
export type PlatformMessage = {
  /** Of the JSON-RPC request. */
  id: string
  messageId: string
  text: string
  /** JSON text of an object, which is sent as it is, so that its numbers stay exact. */
  data?: string
  metadata: Record<string, unknown>
}

/** How both versions write what differs between them. No other part of a message's beginning looks like the first. */
const DIFFERENCES = [
  ['"method":"message/send"', '"method":"SendMessage"'],
  ['"role":"user","kind":"message"', '"role":"ROLE_USER"'],
  ['{"kind":"text",', '{'],
  ['{"kind":"data",', '{'],
] as const

/** The stored form of a message. The order of its members is what `toVersion1` relies on. */
export function writePlatformMessage({ data, id, messageId, metadata, text }: PlatformMessage): string {
  const dataPart = data === undefined ? '' : `,{"kind":"data","data":${data}}`
  return (
    `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"message/send","params":{"message":{` +
    `"messageId":${JSON.stringify(messageId)},"metadata":${JSON.stringify(metadata)},"role":"user","kind":"message",` +
    `"parts":[{"kind":"text","text":${JSON.stringify(text)}}${dataPart}]}}}`
  )
}

/**
 * The stored form in A2A 1.0 (docs/facts/a2a.md §1.4). Within strings quotes are escaped, so the first occurrence of each
 * difference is the message's own, and the data, which may have the same members, comes last.
 */
export function toVersion1(stored: string): string {
  let text = stored
  for (const [before, after] of DIFFERENCES) {
    const at = text.indexOf(before)
    if (at !== -1) text = text.slice(0, at) + after + text.slice(at + before.length)
  }
  return text
}
