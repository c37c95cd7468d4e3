// The text of an agent's answer, for lists and previews (docs/facts/a2a.md §1.5). The answer itself is never changed.
import { toPostgresText } from '../../platform/postgres-text.ts'
import { isObject, type JsonObject } from './lossless-json.ts'

/** Characters of a preview, at most. */
export const PREVIEW_LENGTH = 4096

/** The answer's text, empty when it has none; or the text of its error. */
export function readAnswer(body: Uint8Array): { text: string } | { error: string } {
  let answer: unknown
  try {
    answer = JSON.parse(new TextDecoder().decode(body))
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
  const text = toPostgresText(textOf(payload))
  const state = stateOf(payload)
  return FAILED.test(state) ? { error: text === '' ? `the task is ${state}` : text } : { text }
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
