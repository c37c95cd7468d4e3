// Identifiers with the shapes of Fly's: ULIDs for versions, events and requests, 14 hex digits for machines, 6PN
// addresses, and names of two words. Clients parse and compare them, so their shapes matter.

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const ADJECTIVES = [
  'autumn',
  'billowing',
  'cold',
  'dark',
  'falling',
  'quiet',
  'silent',
  'twilight',
  'wild',
  'young',
]
const NOUNS = ['breeze', 'cloud', 'dawn', 'field', 'leaf', 'moon', 'pine', 'river', 'snow', 'wave']

const randomBytes = (count: number): Uint8Array => crypto.getRandomValues(new Uint8Array(count))

/** Lower-case hexadecimal digits of `bytes`. */
export const toHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')

const pick = (words: string[]): string => words[(randomBytes(1)[0] ?? 0) % words.length] ?? 'quiet'

/**
 * A source of ULIDs that never go backwards, even within a millisecond or when the clock does: `wait?from_event_id`
 * compares event ids as text.
 */
export function createUlids(now: () => number): () => string {
  let lastTime = 0
  let lastRandom: number[] = []
  return () => {
    const time = Math.max(now(), lastTime)
    if (time === lastTime && lastRandom.length > 0) {
      // Same millisecond: count up from the last one.
      for (let i = lastRandom.length - 1; i >= 0; i--) {
        const digit = ((lastRandom[i] ?? 0) + 1) % 32
        lastRandom[i] = digit
        if (digit !== 0) break
      }
    } else {
      lastRandom = Array.from(randomBytes(16), (byte) => byte % 32)
      lastRandom[0] = (lastRandom[0] ?? 0) % 16
    }
    lastTime = time
    let text = ''
    for (let rest = time, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) text = CROCKFORD[rest % 32] + text
    return text + lastRandom.map((digit) => CROCKFORD[digit]).join('')
  }
}

/** 14 hex digits (docs/facts/fly.md §2.9). */
export const machineId = (): string => toHex(randomBytes(7))

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyz'
const MIXED = `${LETTERS}ABCDEFGHIJKLMNOPQRSTUVWXYZ`
const fromAlphabet = (alphabet: string, length: number): string =>
  Array.from(randomBytes(length), (byte) => alphabet[byte % alphabet.length]).join('')

/** `vol_` and 16 characters (docs/facts/fly.md §2.7). */
export const volumeId = (): string => `vol_${fromAlphabet(LETTERS, 16)}`

/** `vs_` and 22 characters. */
export const snapshotId = (): string => `vs_${fromAlphabet(MIXED, 22)}`

export const appId = (): string => toHex(randomBytes(8))

export const leaseNonce = (): string => toHex(randomBytes(6))

/** The name Fly makes up for a machine that was given none. */
export const machineName = (): string =>
  `${pick(ADJECTIVES)}-${pick(NOUNS)}-${1000 + ((((randomBytes(1)[0] ?? 0) << 8) | (randomBytes(1)[0] ?? 0)) % 9000)}`

/** An address in the private 6PN range. */
export function privateIp(): string {
  const hex = toHex(randomBytes(12))
  return ['fdaa:0', ...(hex.match(/.{4}/g) ?? [])].join(':')
}

/** A public address as `ip_assignments` hands out; `shared` ones are the same for every app. */
export function publicIp(type: string, shared: boolean): string {
  if (type === 'private_v6') return privateIp()
  if (type.endsWith('v6')) return `2a09:8280:1::${toHex(randomBytes(2))}:${toHex(randomBytes(2))}:0`
  return shared ? '66.241.124.1' : `137.66.${randomBytes(1)[0] ?? 0}.${randomBytes(1)[0] ?? 0}`
}

/** The 64 hex digits of SHA-256. */
export async function sha256(text: string): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))))
}
