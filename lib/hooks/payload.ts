// Reads the payload of a webhook: JSON, a form, JSON in a form, or text.
import { DomainError } from '../platform/errors.ts'
import { MAX_NESTING } from '../platform/postgres-text.ts'
import { decodeTextInSlices } from '../platform/slices.ts'
import { formFields, isForm, rawFormField } from './form.ts'
import { type JsonSources, readJson, TooDeep } from './read-json.ts'

export type Payload = {
  /** The JSON as it was sent, or the text itself. */
  text: string
  /** Its length as it was sent. */
  bytes: number
  isJson: boolean
  /** The wanted values of JSON that it has, by path, as they were written; none for text. */
  sources: JsonSources
}

/**
 * @param paths the values to read (read-json.ts)
 * @throws DomainError `invalid_input` for invalid JSON, or JSON that is nested too deeply
 */
export async function readPayload(
  body: Uint8Array,
  contentType: string | undefined,
  paths: Iterable<string>,
): Promise<Payload> {
  if (!isForm(contentType)) {
    const mustBeJson = /^application\/([\w.-]+\+)?json\b/i.test(contentType ?? '')
    return readText(body, paths, mustBeJson)
  }
  // GitHub, Gitea and Slack's buttons put their JSON in one field. Gitea signs only that field, so the others are not
  // read.
  const payload = await rawFormField(body, 'payload')
  if (payload !== undefined) return readText(payload, paths, false)
  // `curl -d '{…}'` sends JSON with the content type of a form.
  const start = new TextDecoder().decode(body.subarray(0, 100))
  if (/^\s*([{[]|$)/.test(start)) return readText(body, paths, false)
  return readText(new TextEncoder().encode(JSON.stringify(await formFields(body))), paths, true)
}

async function readText(bytes: Uint8Array, paths: Iterable<string>, mustBeJson: boolean): Promise<Payload> {
  const text = await decodeTextInSlices(bytes)
  const payload = { text, bytes: bytes.length }
  try {
    return { ...payload, isJson: true, sources: await readJson(text, paths) }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    if (error instanceof TooDeep) throw invalidBody(`must not be nested deeper than ${MAX_NESTING} levels`)
    if (mustBeJson) throw invalidBody(`is not valid JSON: ${error.message}`)
    return { ...payload, isJson: false, sources: new Map() }
  }
}

const invalidBody = (message: string) =>
  new DomainError('invalid_input', `the body ${message}`, { errors: [{ field: 'body', message }] })

/** The text of a JSON string at a path; undefined for anything else, and for an empty one. */
export function textAt({ sources }: Payload, path: string): string | undefined {
  const source = sources.get(path)
  return source?.startsWith('"') === true ? (JSON.parse(source) as string) || undefined : undefined
}
