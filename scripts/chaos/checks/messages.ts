// Whether messages arrived as their senders and the database say: each at most once, none that was accepted is lost, and none
// arrived that is reported as not delivered.
import type { Figure, Violation } from '../parts.ts'
import type { Remains, StoredMessage } from './remains.ts'

export type SentMessage = {
  id: string
  workspace: string
  /**
   * `answered` by the agent; `refused` by the control plane, which says whether it may have arrived; `stored` for later
   * delivery; `unknown`: no answer came.
   */
  outcome: 'answered' | 'refused' | 'unknown' | 'stored'
  delivered?: unknown
  reason?: unknown
}

/** How often an agent received each message, by message id. */
type Arrivals = ReadonlyMap<string, number>

/** Messages wait without an end while their workspace is paused or failed. */
export const isWaiting = ({ state }: StoredMessage, status: string | undefined): boolean =>
  state === 'queued' && (status === 'paused' || status === 'failed')

/** Stored messages that are neither finished nor waiting for a person. */
export function openMessages({ messages, rows }: Remains): Violation[] {
  const statusOf = new Map(rows.map(({ id, status }) => [id, status]))
  return messages
    .filter((message) => ['sending', 'queued'].includes(message.state))
    .filter((message) => !isWaiting(message, statusOf.get(message.workspaceId)))
    .map(({ messageId, state, workspaceId }) => ({
      kind: 'stuck',
      workspace: workspaceId,
      what: `stored message ${messageId} is still ${state}`,
    }))
}

export function wrongMessages(remains: Remains, sent: SentMessage[], arrivals: Arrivals): Violation[] {
  const violations = [...wrongAnswers(sent, arrivals), ...remains.messages.flatMap(wrongState(arrivals))]
  const stored = new Set(remains.messages.map(({ messageId }) => messageId))
  for (const { id, outcome, workspace } of sent) {
    if (outcome === 'stored' && !stored.has(id))
      violations.push({ kind: 'lost', workspace, what: `message ${id} was accepted, and is not stored` })
  }
  return violations
}

function wrongAnswers(sent: SentMessage[], arrivals: Arrivals): Violation[] {
  const violations: Violation[] = []
  for (const { delivered, id, outcome, reason, workspace } of sent) {
    const times = arrivals.get(id) ?? 0
    if (times > 1)
      violations.push({ kind: 'doubled', workspace, what: `message ${id} arrived ${times} times` })
    if (outcome === 'answered' && times === 0)
      violations.push({
        kind: 'misreported',
        workspace,
        what: `message ${id} was answered but never arrived`,
      })
    if (outcome === 'refused' && delivered === 'no' && times > 0)
      violations.push({
        kind: 'misreported',
        workspace,
        what: `message ${id} arrived, and its sender was informed that it did not (${String(reason)})`,
      })
  }
  return violations
}

/** What is recorded of a stored message, beside what arrived. */
const wrongState =
  (arrivals: Arrivals) =>
  ({ failure, messageId, senderOrHook, state, workspaceId: workspace }: StoredMessage): Violation[] => {
    const times = arrivals.get(messageId) ?? 0
    const what = `stored message ${messageId}`
    if (state === 'answered' && times === 0)
      return [{ kind: 'misreported', workspace, what: `${what} was answered but never arrived` }]
    if ((state === 'queued' || failure?.delivered === 'no') && times > 0)
      return [{ kind: 'misreported', workspace, what: `${what} arrived, and it is recorded that it did not` }]
    // Those of users are counted with what they sent.
    if (senderOrHook && times > 1)
      return [{ kind: 'doubled', workspace, what: `${what} arrived ${times} times` }]
    return []
  }

/** What became of messages, in words. */
export const outcomesOf = (sent: SentMessage[]): string[] =>
  sent.map(({ outcome, reason }) => (typeof reason === 'string' ? reason : outcome))

export function messageFigures(remains: Remains, sent: SentMessage[]): Partial<Record<Figure, number>> {
  const ofOthers = remains.messages.filter(({ senderOrHook }) => senderOrHook).length
  const stored = remains.messages.filter(({ state }) => state === 'answered').length
  return {
    messages: sent.length + ofOthers,
    answered: sent.filter(({ outcome }) => outcome === 'answered').length + stored,
    stored,
  }
}
