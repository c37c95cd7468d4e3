// Reads the payload of a webhook: JSON, a form, JSON in a form, or text. Pure.
import { DomainError } from '../platform/errors.ts'
import { isNestedWithin, MAX_NESTING } from '../platform/postgres-text.ts'
import { formField, formFields, isForm } from './form.ts'

export type Payload = {
  /** The parsed JSON. A body that is not JSON is a string. */
  value: unknown
  /** The JSON as it was sent, or the text itself. */
  text: string
}

/** @throws DomainError `invalid_input` for invalid JSON, or JSON that is nested too deeply */
export function parsePayload(body: Uint8Array, contentType: string | undefined): Payload {
  const text = new TextDecoder().decode(body)
  if (!isForm(contentType))
    return parseText(text, /^application\/([\w.-]+\+)?json\b/i.test(contentType ?? ''))
  // GitHub, Gitea and Slack's buttons put their JSON in one field. Gitea signs only that field, so the others are not
  // read.
  const payload = formField(body, 'payload')
  if (payload !== undefined) return parseText(payload, false)
  // `curl -d '{…}'` sends JSON with the content type of a form.
  if (/^\s*([{[]|$)/.test(text)) return parseText(text, false)
  const fields = formFields(body)
  return { value: fields, text: JSON.stringify(fields) }
}

function parseText(text: string, mustBeJson: boolean): Payload {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof RangeError) throw invalidBody(TOO_DEEP)
    if (mustBeJson) throw invalidBody('is not valid JSON')
    return { value: text, text }
  }
  if (!isNestedWithin(MAX_NESTING, value)) throw invalidBody(TOO_DEEP)
  return { value, text }
}

const TOO_DEEP = `must not be nested deeper than ${MAX_NESTING} levels`

const invalidBody = (message: string) =>
  new DomainError('invalid_input', `the body ${message}`, { errors: [{ field: 'body', message }] })
