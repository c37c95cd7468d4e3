// The sender's id of a delivery and the names of its event, for each scheme: repeated deliveries are recognised by
// the id, and hooks filter by the event. Pure.
import { type Payload, textAt } from './payload.ts'
import type { IncomingWebhook, Scheme } from './verify.ts'

export type Delivery = {
  /** A repeated delivery has the same id. Undefined when the sender gives none. */
  id: string | undefined
  /** The names of the event, the most exact first: `pull_request.opened`, `pull_request`. */
  events: string[]
}

type Header = IncomingWebhook['header']

/** The values of a payload that {@link deliveryOf} reads. */
export const DELIVERY_PATHS = [
  'action',
  'command',
  'event',
  'event.type',
  'event_id',
  'event_name',
  'id',
  'object_kind',
  'trigger_id',
  'type',
] as const

/**
 * @param payload with the values at {@link DELIVERY_PATHS}
 * @param deliveryHeader the header with the id for the scheme `bearer`; null for `Idempotency-Key`
 */
export function deliveryOf(
  scheme: Scheme,
  header: Header,
  payload: Payload,
  deliveryHeader: string | null = null,
): Delivery {
  const at = (path: (typeof DELIVERY_PATHS)[number]) => textAt(payload, path)
  // GitLab has its own names, and signs like Standard Webhooks or sends a header of its user (docs.gitlab.com, Webhooks).
  const gitlab = () => at('object_kind') ?? at('event_name')
  switch (scheme) {
    case 'standard':
      return { id: header('webhook-id') ?? header('svix-id'), events: listOf(at('type') ?? gitlab()) }
    case 'github':
      return { id: header('x-github-delivery'), events: withAction(header('x-github-event'), at('action')) }
    case 'gitea':
      return { id: header('x-gitea-delivery'), events: withAction(header('x-gitea-event'), at('action')) }
    case 'slack': {
      // An event, a button or shortcut, or a command (docs.slack.dev: Events API, Interactivity, Slash commands).
      const events = listOf(at('event.type') ?? at('type') ?? at('command'))
      return { id: at('event_id') ?? at('trigger_id'), events }
    }
    case 'stripe':
      return { id: at('id'), events: listOf(at('type')) }
    case 'bearer':
      return {
        id: header(deliveryHeader ?? 'idempotency-key'),
        events: listOf(at('type') ?? at('event') ?? gitlab()),
      }
  }
}

/**
 * Whether a hook accepts a delivery.
 * @param wanted names, or prefixes such as `invoice.*`; null for all
 */
export function isWanted(wanted: readonly string[] | null, events: readonly string[]): boolean {
  if (wanted === null) return true
  return wanted.some((want) =>
    events.some((event) => event === want || (want.endsWith('.*') && event.startsWith(want.slice(0, -1)))),
  )
}

const listOf = (event: string | undefined) => (event === undefined ? [] : [event])

const withAction = (event: string | undefined, action: string | undefined) =>
  event === undefined ? [] : [...(action === undefined ? [] : [`${event}.${action}`]), event]
