// What a sender calls a delivery and what it is about, by scheme: so that a repeated one is known, and a hook can take some and
// not others. Pure.
import { isObject } from '../a2a/wire/lossless-json.ts'
import type { Incoming, Scheme } from './verify.ts'

export type Delivery = {
  /** The same again is the same delivery; undefined when its sender has no name for it. */
  id: string | undefined
  /** What it is about, the most exact name first: `pull_request.opened`, `pull_request`. */
  events: string[]
}

type Header = Incoming['header']

/**
 * @param value the payload
 * @param deliveryHeader where a sender with a bearer token puts the id; otherwise `Idempotency-Key`
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
      return { id: header('webhook-id') ?? header('svix-id'), events: known(at('type')) }
    case 'github':
      return { id: header('x-github-delivery'), events: withAction(header('x-github-event'), at('action')) }
    case 'gitea':
      return { id: header('x-gitea-delivery'), events: withAction(header('x-gitea-event'), at('action')) }
    case 'slack': {
      // An event, a button or shortcut, or a command (docs.slack.dev: Events API, Interactivity, Slash commands).
      const inner = isObject(value) ? textAt(value['event'], 'type') : undefined
      return { id: at('event_id') ?? at('trigger_id'), events: known(inner ?? at('type') ?? at('command')) }
    }
    case 'stripe':
      return { id: at('id'), events: known(at('type')) }
    case 'bearer':
      return { id: header(deliveryHeader ?? 'idempotency-key'), events: known(at('type') ?? at('event')) }
  }
}

/**
 * Whether a hook wants a delivery.
 * @param wanted names, or beginnings such as `invoice.*`; null: everything
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

const known = (event: string | undefined) => (event === undefined ? [] : [event])

const withAction = (event: string | undefined, action: string | undefined) =>
  event === undefined ? [] : [...(action === undefined ? [] : [`${event}.${action}`]), event]
