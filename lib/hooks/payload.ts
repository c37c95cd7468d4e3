// What a webhook brings, whatever it is wrapped in: JSON, a form, JSON in a form, or text. Pure.
import { parseLossless } from '../a2a/wire/lossless-json.ts'
import { DomainError } from '../platform/errors.ts'
import { isNestedWithin, MAX_NESTING } from '../platform/postgres-text.ts'
import { formField, formFields, isForm } from './form.ts'

export type Payload = {
  /** Numbers that JavaScript cannot hold keep their text (lib/a2a/wire/lossless-json.ts). A body that is not JSON is a string. */
  value: unknown
  /** The JSON it was, or the text itself. */
  text: string
}

/** @throws DomainError `invalid_input` for JSON that is none, or nested too deeply */
export function parsePayload(body: Uint8Array, contentType: string | undefined): Payload {
  const text = new TextDecoder().decode(body)
  if (!isForm(contentType))
    return parseText(text, /^application\/([\w.-]+\+)?json\b/i.test(contentType ?? ''))
  // GitHub, Gitea and Slack's buttons put their JSON in one field, and Gitea signs that field alone: others are not looked at.
  const payload = formField(body, 'payload')
  if (payload !== undefined) return parseText(payload, false)
  // What `curl -d '{…}'` sends calls itself a form.
  if (/^\s*([{[]|$)/.test(text)) return parseText(text, false)
  const fields = formFields(body)
  return { value: fields, text: JSON.stringify(fields) }
}

function parseText(text: string, mustBeJson: boolean): Payload {
  let value: unknown
  try {
    value = parseLossless(text)
  } catch (error) {
    if (error instanceof RangeError) throw notValid(TOO_DEEP)
    if (mustBeJson) throw notValid('is not valid JSON')
    return { value: text, text }
  }
  if (!isNestedWithin(MAX_NESTING, value)) throw notValid(TOO_DEEP)
  return { value, text }
}

const TOO_DEEP = `must not be nested deeper than ${MAX_NESTING} levels`

const notValid = (message: string) =>
  new DomainError('invalid_input', `the body ${message}`, { errors: [{ field: 'body', message }] })
