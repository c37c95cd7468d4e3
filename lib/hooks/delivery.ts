// The sender's id of a delivery and the names of its event, for each scheme: repeated deliveries are recognised by
// the id, and hooks filter by the event. Pure.
import { isObject } from '../a2a/wire/lossless-json.ts'
import type { IncomingWebhook, Scheme } from './verify.ts'

export type Delivery = {
  /** A repeated delivery has the same id. Undefined when the sender gives none. */
  id: string | undefined
  /** The names of the event, the most exact first: `pull_request.opened`, `pull_request`. */
  events: string[]
}

type Header = IncomingWebhook['header']

/**
 * @param value the payload
 * @param deliveryHeader the header with the id for the scheme `bearer`; null for `Idempotency-Key`
 */
export function deliveryOf(
  scheme: Scheme,
  header: Header,
  value: unknown,
  deliveryHeader: string | null = null,
): Delivery {
  const at = (key: string) => textAt(value, key)
  switch (scheme) {
    case 'standard':
      return { id: header('webhook-id') ?? header('svix-id'), events: listOf(at('type')) }
    case 'github':
      return { id: header('x-github-delivery'), events: withAction(header('x-github-event'), at('action')) }
    case 'gitea':
      return { id: header('x-gitea-delivery'), events: withAction(header('x-gitea-event'), at('action')) }
    case 'slack': {
      // An event, a button or shortcut, or a command (docs.slack.dev: Events API, Interactivity, Slash commands).
      const inner = isObject(value) ? textAt(value['event'], 'type') : undefined
      return { id: at('event_id') ?? at('trigger_id'), events: listOf(inner ?? at('type') ?? at('command')) }
    }
    case 'stripe':
      return { id: at('id'), events: listOf(at('type')) }
    case 'bearer':
      return { id: header(deliveryHeader ?? 'idempotency-key'), events: listOf(at('type') ?? at('event')) }
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

function textAt(value: unknown, key: string): string | undefined {
  const found = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
  return typeof found === 'string' && found !== '' ? found : undefined
}

const listOf = (event: string | undefined) => (event === undefined ? [] : [event])

const withAction = (event: string | undefined, action: string | undefined) =>
  event === undefined ? [] : [...(action === undefined ? [] : [`${event}.${action}`]), event]
