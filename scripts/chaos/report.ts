// What a run prints: figures by words, log lines, and the whole story of workspaces that something went wrong with.
import type { Remains } from './checks/remains.ts'
import { type ControlPlane, USERS_TOKEN } from './control-plane.ts'
import type { Violation } from './parts.ts'

/** How often each word is there, most often first. */
export function count(words: string[]): string {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts]
    .toSorted(([, one], [, other]) => other - one)
    .map(([word, times]) => `${word}=${times}`)
    .join(' ')
}

/** Statuses of workspaces and states of messages, with their reasons. */
export function statesOf({ messages, rows }: Remains): string {
  const withCode = (state: string, code: string | undefined) =>
    code === undefined ? state : `${state}:${code}`
  const workspaces = count(rows.map(({ reason, status }) => withCode(status, reason?.code)))
  const stored = count(messages.map(({ failure, state }) => withCode(state, failure?.reason)))
  return `workspaces ${workspaces}; stored messages ${stored}`
}

/** A log line as its message and error, without ids, so that equal ones can be counted. */
export function shortenLogLine(line: string): string {
  try {
    const { error, message } = JSON.parse(line) as { error?: { message?: string }; message: string }
    const text = error?.message === undefined ? message : `${message} (${error.message.split('\n')[0]})`
    return `"${text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>')}"`
  } catch {
    // Not a log line: the trace of an error that ended the process.
    return `"${line.trim()}"`
  }
}

/** At most so many workspaces are told about in full. */
const MOST_STORIES = 12

/** What is known of each workspace that a violation is about. */
export async function storiesOf(
  controlPlane: ControlPlane,
  violations: Violation[],
  { events, rows }: Remains,
): Promise<string[]> {
  const ids = [...new Set(violations.flatMap(({ workspace }) => workspace ?? []))].slice(0, MOST_STORIES)
  return Promise.all(
    ids.map(async (id) => {
      const explained = rows.some((row) => row.id === id)
        ? await fetch(`${controlPlane.pickReplica()}/workspaces/${id}/explain`, {
            headers: { accept: 'text/plain', authorization: `Bearer ${USERS_TOKEN}` },
          }).then(
            (response) => response.text(),
            (error: unknown) => String(error),
          )
        : 'there is no such workspace'
      const story = (events.get(id) ?? []).map(
        ({ type, generation, at, payload }) =>
          `  ${at.toISOString()} g${generation} ${type} ${JSON.stringify(payload)}`,
      )
      return [`workspace ${id}`, explained, ...story].join('\n')
    }),
  )
}
