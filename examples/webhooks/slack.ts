// Tells a Slack channel what needs a person. `SLACK_WEBHOOK_URL` is an incoming webhook of a Slack app
// (https://api.slack.com/messaging/webhooks); the endpoint of the control plane selects the types of events.
import { receive, type WorkspaceEvent } from './receive.ts'

const { MOLECULE_FLY_URL = 'http://localhost:8080', SLACK_WEBHOOK_URL } = process.env
if (!SLACK_WEBHOOK_URL) throw new Error('SLACK_WEBHOOK_URL is missing: https://hooks.slack.com/services/…')

/** What happened, by type. Other types are named as they are. */
const SENTENCES: Record<string, string> = {
  agent_answered: ':white_check_mark: is ready',
  agent_silent: ':warning: does not answer',
  gave_up: ':x: failed',
  machine_lost: ':warning: lost its machine; another one is created',
  rollout_halted: ':octagonal_sign: rollout halted',
}

/** Slack reads these three characters as markup (https://api.slack.com/reference/surfaces/formatting#escaping). */
const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

function toMessage({ data, type }: WorkspaceEvent): { text: string } {
  const { payload, workspace_id: id } = data
  const workspace = id === null ? '' : `<${MOLECULE_FLY_URL}/workspaces/${id}/explain|${id}> `
  const reason = payload['reason'] as { message: string; hint: string } | undefined
  const why = reason === undefined ? '' : `\n>${escaped(`${reason.message} ${reason.hint}`)}`
  return { text: `${workspace}${SENTENCES[type] ?? escaped(type)}${why}` }
}

receive(async (event) => {
  const response = await fetch(SLACK_WEBHOOK_URL, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(toMessage(event)),
    signal: AbortSignal.timeout(10_000),
  })
  // Then the event is sent again: Slack limits messages to one a second.
  if (!response.ok) throw new Error(`Slack answered ${response.status} ${await response.text()}`)
})
