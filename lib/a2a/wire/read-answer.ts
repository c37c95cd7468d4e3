// The text of an agent's answer, for lists and previews (docs/facts/a2a.md §1.5). The answer itself is never changed.
import { isObject, type JsonObject } from '../../platform/json-object.ts'
import { isUtf8InSlices, runInSlices, SLICE, type Steps } from '../../platform/slices.ts'
import { toPostgresText } from '../../platform/postgres-text.ts'
import { JsonScanner, type Place } from './json-scanner.ts'
import { stringAt } from './request-outline.ts'

/** Characters of a preview, at most. */
export const PREVIEW_LENGTH = 4096

/** Answers up to this size are parsed for their text. Of larger ones only the success is read. In bytes. */
const MAX_PARSED_BYTES = 1024 * 1024

/** The answer's text, empty when it has none; or the text of its error. */
export type AnswerText = { text: string } | { error: string }

/** A large answer is read in slices, between which other requests continue. */
export async function readAnswer(body: Uint8Array): Promise<AnswerText> {
  if (body.length > MAX_PARSED_BYTES)
    return (await isUtf8InSlices(body)) ? runInSlices(readLargeAnswer(body)) : NOT_JSON
  const text = new TextDecoder().decode(body)
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    return NOT_JSON
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

const NOT_JSON = { error: 'the answer is not JSON' }

const ERROR: Place = {}
const STATE: Place = {}
const STATUS: Place = { members: [['state', STATE]] }
const TASK: Place = { members: [['status', STATUS]] }
const RESULT: Place = {
  members: [
    ['task', TASK],
    ['status', STATUS],
  ],
}
const RESPONSE: Place = {
  members: [
    ['error', ERROR],
    ['result', RESULT],
  ],
}

/** In one pass, and without a preview: an answer of 10 MB would take too long to parse. */
function* readLargeAnswer(body: Uint8Array): Steps<AnswerText> {
  let isError = false
  let state = ''
  const visitor = {
    begin() {},
    end(place: Place, start: number, end: number) {
      if (place === ERROR) isError = scanner.isObject(start)
      else if (place === STATE) state = stringAt(body, { start, end }, 100) ?? ''
    },
  }
  const scanner = new JsonScanner(body, visitor, SLICE)
  try {
    yield* scanner.scanInSlices(RESPONSE, scanner.skipSpace(0))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return NOT_JSON
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
