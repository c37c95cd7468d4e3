// Gives each of Fly's error answers a code. Only this file reads Fly's wording: the documented `status` field covers
// four cases, and the others share HTTP statuses and differ in their texts (docs/facts/fly.md §8).

import type { FlyAction } from './actions.ts'
import type { CapacityScope, FlyErrorCode } from './errors.ts'

/** An answer outside 2xx. `label` is the body's `status` field; `text` its message, empty when there is none. */
export type Refusal = { status: number; label?: string; text: string }

/** Reads an error body: `{error, status?}`, `{message}`, plain text, or nothing (docs/facts/fly.md §8.1). */
export function readRefusal(status: number, body: string): Refusal {
  const text = body.trim()
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return { status, text }
  }
  if (typeof json !== 'object' || json === null) return { status, text }
  const fields = json as Record<string, unknown>
  const words = [fields.message, fields.error].find((word) => typeof word === 'string' && word !== '')
  return {
    status,
    text: typeof words === 'string' ? words : text,
    ...(typeof fields.status === 'string' && { label: fields.status }),
  }
}

const CAPACITY: readonly { scope: CapacityScope; label?: string; text: RegExp }[] = [
  {
    scope: 'volume',
    label: 'volume_placement_capacity',
    text: /insufficient resources to create new machine with existing volume/i,
  },
  {
    scope: 'host',
    text: /could not reserve resource for machine|insufficient (?:memory|cpus?|ips|resources) available/i,
  },
  {
    scope: 'region',
    label: 'insufficient_capacity',
    text: /could not find a candidate host|\bno capacity\b/i,
  },
  { scope: 'quota', text: /over the allowed quota|to create more than \d+ machines? per app/i },
]

/**
 * What has no capacity; undefined when the refusal is about something else (docs/facts/fly.md §8.3). Any 4xx will do,
 * because Fly has moved the same text between 409 and 412.
 */
export function capacityScope({ status, label, text }: Refusal): CapacityScope | undefined {
  if (status < 400 || status > 499) return undefined
  const byLabel = CAPACITY.find((row) => row.label !== undefined && row.label === label)
  return (byLabel ?? CAPACITY.find((row) => row.text.test(text)))?.scope
}

// Only wording that is unambiguous: a bare "unauthorized" may concern our own token.
const UNPULLABLE =
  /manifest[ _]unknown|manifest for \S+ not found|name[ _]unknown|pull access denied|(?:unable|failed) to pull image|could not resolve image|(?:failed|unable) to (?:get|find|fetch|resolve) (?:the )?(?:image|manifest)/i

/** The code of a refusal. The action matters only where one status has several meanings. */
export function classify(action: FlyAction, refusal: Refusal): FlyErrorCode {
  const { status, label, text } = refusal
  if (status < 400) return 'malformed_answer'
  if (status >= 500) return 'platform'
  const scope = capacityScope(refusal)
  if (scope !== undefined) return scope === 'quota' ? 'quota' : 'insufficient_capacity'
  if (UNPULLABLE.test(text)) return 'image_unpullable'
  switch (status) {
    case 401:
      return 'unauthorized'
    case 403:
      return 'forbidden'
    case 404:
      return missing(action, text)
    case 408:
      return 'timeout'
    case 409:
      return conflict(action, text)
    case 412:
      // A version check answers 412 for metadata writes and 409 for updates (docs/facts/fly.md §2.6).
      if (/secrets[ _]version/i.test(text)) return 'secrets_not_ready'
      if (/lease/i.test(text)) return 'lease_held'
      if (VOLUME_IN_USE.test(text)) return 'volume_in_use'
      return /machine.?version/i.test(text) ? 'version_mismatch' : 'wrong_state'
    case 422:
      return action === 'create_app' && (label === 'name_taken' || /already been taken/i.test(text))
        ? 'app_name_taken'
        : 'invalid_request'
    case 429:
      return 'rate_limited'
    default:
      return 'invalid_request'
  }
}

// The staff of Fly: a 412 about a volume means that it is in use (docs/facts/fly.md §8.2).
const VOLUME_IN_USE =
  /\bvolume\b.{0,80}\b(?:in use|attached|bound|claimed|detach)|(?:in use|attached).{0,40}\bvolume\b/i

// The last noun before "not found": "machine 1234 lease not found" is about the lease.
const NOUN = /(?<![\w-])(app|machine|lease|volume)(?![\w-])/gi

/** A 404 without a text stays `not_found`, because it does not prove that the machine is what is missing. */
function missing(action: FlyAction, text: string): FlyErrorCode {
  if (action === 'get_app') return 'app_not_found'
  if (/invalid machine id/i.test(text)) return 'machine_not_found'
  const subject = text.slice(0, Math.max(0, text.toLowerCase().lastIndexOf(' not found')))
  const thing = subject.match(NOUN)?.at(-1)?.toLowerCase()
  return thing === 'app' || thing === 'machine' || thing === 'lease' || thing === 'volume'
    ? `${thing}_not_found`
    : 'not_found'
}

function conflict(action: FlyAction, text: string): FlyErrorCode {
  if (/name violation|already exists with name/i.test(text)) return 'name_taken'
  // A taken app name is a 409 or a 422 (docs/facts/fly.md §2.1).
  if (action === 'create_app') return 'app_name_taken'
  if (/lease currently held/i.test(text)) return 'lease_held'
  if (/concurrent update/i.test(text)) return 'concurrent_update'
  if (/failed_precondition|unable to (?:start|stop|suspend|destroy)/i.test(text)) return 'wrong_state'
  if (/version/i.test(text)) return 'version_mismatch'
  return 'conflict'
}

/**
 * The machine that has the name, from `machine ID <id> already exists with name "<name>"` (docs/facts/fly.md §2.2).
 */
export function existingMachineId(text: string): string | undefined {
  return /machine ID (\w+) already exists/i.exec(text)?.[1]
}

/** Whether the same call may succeed later without any change by people. */
export function isRetryable(code: FlyErrorCode, text: string): boolean {
  switch (code) {
    case 'rate_limited':
    case 'platform':
    case 'timeout':
    case 'network':
    case 'lease_held':
    case 'concurrent_update':
    case 'secrets_not_ready':
    case 'volume_in_use':
    case 'budget_exhausted':
    case 'malformed_answer':
      return true
    case 'wrong_state':
      // A machine in transition, which GET may already show in a settled state (docs/facts/fly.md §2.3, §11.10).
      return /getting replaced|still active|still attempting/i.test(text)
    case 'unauthorized':
    case 'forbidden':
    case 'quota':
    case 'app_not_found':
    case 'machine_not_found':
    case 'lease_not_found':
    case 'volume_not_found':
    case 'not_found':
    case 'name_taken':
    case 'app_name_taken':
    case 'version_mismatch':
    case 'conflict':
    case 'insufficient_capacity':
    case 'image_unpullable':
    case 'invalid_request':
    case 'aborted':
      return false
  }
}

/** A Retry-After header in milliseconds from `now`: seconds or an HTTP date. Undefined when absent or neither. */
export function retryAfterMs(header: string | null, now: number): number | undefined {
  if (header === null) return undefined
  const value = header.trim()
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
