// The text of an agent's answer, for lists and previews (docs/facts/a2a.md §1.5). The answer itself is never changed.
import { isObject, type JsonObject } from '../../platform/json-object.ts'
import { toPostgresText } from '../../platform/postgres-text.ts'
import { JsonScanner } from './json-scanner.ts'
import { stringAt } from './request-outline.ts'

/** Characters of a preview, at most. */
export const PREVIEW_LENGTH = 4096

/** Answers up to this size are parsed for their text. Of larger ones only the success is read. In bytes. */
const MAX_PARSED_BYTES = 1024 * 1024

/** The answer's text, empty when it has none; or the text of its error. */
export function readAnswer(body: Uint8Array): { text: string } | { error: string } {
  const text = new TextDecoder().decode(body)
  if (body.length > MAX_PARSED_BYTES) return readLargeAnswer(text)
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    return { error: 'the answer is not JSON' }
  }
  if (!isObject(answer)) return { error: 'the answer is not a JSON-RPC response' }
  const { error, result } = answer
  if (isObject(error)) return { error: toPostgresText(messageOf(error)) }
  if (!isObject(result)) return { text: '' }
  const payload = isObject(result['task'])
    ? result['task']
    : isObject(result['message'])
      ? result['message']
      : result
  const preview = toPostgresText(textOf(payload))
  const state = stateOf(payload)
  return FAILED.test(state) ? { error: preview === '' ? `the task is ${state}` : preview } : { text: preview }
}

const RESPONSE = new Set(['error', 'result'])
const RESULT = new Set(['task', 'status'])
const STATUS = new Set(['state'])

/** In one pass, and without a preview: an answer of 10 MB would take too long to parse. */
function readLargeAnswer(text: string): { text: string } | { error: string } {
  const scanner = new JsonScanner(text)
  let isError = false
  let state = ''
  const visit = (wanted: ReadonlySet<string>, at: number): number =>
    scanner.isObject(at)
      ? scanner.members(at, wanted, (name, valueAt) => {
          if (name === 'result' || name === 'task') return visit(RESULT, valueAt)
          if (name === 'status') return visit(STATUS, valueAt)
          const end = scanner.skipValue(valueAt)
          if (name === 'error') isError = scanner.isObject(valueAt)
          else state = stringAt(text, { start: valueAt, end }, 100) ?? ''
          return end
        })
      : scanner.skipValue(at)
  try {
    visit(RESPONSE, scanner.skipSpace(0))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return { error: 'the answer is not JSON' }
  }
  if (isError) return { error: 'the agent answered with an error that is too large to show' }
  return FAILED.test(state) ? { error: `the task is ${state}` } : { text: '' }
}

/** States of a task that ended without success, in both protocol lines (docs/facts/a2a.md §1.2). */
const FAILED = /^(failed|rejected|canceled|TASK_STATE_(FAILED|REJECTED|CANCELED))$/

const stateOf = ({ status }: JsonObject): string =>
  isObject(status) && typeof status['state'] === 'string' ? status['state'] : ''

const messageOf = ({ message }: JsonObject): string =>
  typeof message === 'string' ? message : 'an error without a message'

function textOf(payload: JsonObject): string {
  const status = isObject(payload['status']) ? payload['status'] : {}
  const message = isObject(status['message']) ? status['message'] : {}
  const artifacts = Array.isArray(payload['artifacts']) ? payload['artifacts'].filter(isObject) : []
  const texts = [payload, ...artifacts, message].map(({ parts }) => textOfParts(parts)).filter(Boolean)
  return texts.join('\n')
}

const textOfParts = (parts: unknown): string =>
  Array.isArray(parts)
    ? parts
        .map((part: unknown) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : ''))
        .join('')
    : ''
