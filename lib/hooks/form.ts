// Form-encoded bodies, which GitHub, Gitea and Slack's commands can send. They are decoded in slices, because GitHub sends up to
// 25 MB (docs.github.com, Webhook events and payloads).
import { decodeTextInSlices, pauseSlice, SLICE } from '../platform/slices.ts'

export const isForm = (contentType: string | undefined): boolean =>
  contentType !== undefined && /^application\/x-www-form-urlencoded\b/i.test(contentType)

/** Fields that are read; a form of any sender has far fewer. */
const MAX_FIELDS = 1_000

const [AMPERSAND, EQUALS, PLUS, PERCENT, SPACE] = [0x26, 0x3d, 0x2b, 0x25, 0x20]

/** The bytes of the first field with this name. */
export async function rawFormField(body: Uint8Array, name: string): Promise<Uint8Array | undefined> {
  for (const field of fieldsOf(body)) {
    if ((await decodeName(field.name)) === name) return decodeComponent(field.value)
  }
  return undefined
}

/** All fields by name; the first of each name. */
export async function formFields(body: Uint8Array): Promise<Record<string, string>> {
  const fields = new Map<string, string>()
  for (const field of fieldsOf(body)) {
    const name = await decodeName(field.name)
    if (!fields.has(name)) fields.set(name, await decodeTextInSlices(await decodeComponent(field.value)))
  }
  return Object.fromEntries(fields)
}

const decodeName = async (bytes: Uint8Array) => decodeTextInSlices(await decodeComponent(bytes))

function* fieldsOf(body: Uint8Array): Generator<{ name: Uint8Array; value: Uint8Array }> {
  let count = 0
  for (let at = 0; at < body.length && count < MAX_FIELDS;) {
    const found = body.indexOf(AMPERSAND, at)
    const end = found === -1 ? body.length : found
    const equals = body.subarray(at, end).indexOf(EQUALS)
    if (end > at) {
      const split = equals === -1 ? end : at + equals
      yield { name: body.subarray(at, split), value: body.subarray(Math.min(split + 1, end), end) }
      count++
    }
    at = end + 1
  }
}

/** Decodes `+` and `%20` (https://url.spec.whatwg.org/#urlencoded-parsing); any other `%` stays as it is. */
async function decodeComponent(bytes: Uint8Array): Promise<Uint8Array> {
  const decoded = new Uint8Array(bytes.length)
  let length = 0
  let pauseAt = SLICE
  for (let at = 0; at < bytes.length; at++) {
    if (at >= pauseAt) {
      await pauseSlice()
      pauseAt = at + SLICE
    }
    const byte = bytes[at] ?? 0
    const high = byte === PERCENT ? digitOf(bytes[at + 1]) : -1
    const low = high === -1 ? -1 : digitOf(bytes[at + 2])
    if (low !== -1) at += 2
    decoded[length++] = low !== -1 ? high * 16 + low : byte === PLUS ? SPACE : byte
  }
  return decoded.subarray(0, length)
}

/** The value of a hex digit; -1 for another byte. */
function digitOf(byte = 0): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
