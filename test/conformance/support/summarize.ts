// Summarizes an answer in a few words, for either version and binding, so that a test can state what it expects.
import { parseSseStream } from '@a2a-js/sdk'
import { type Answer, headerOf, jsonOf } from './raw-http.ts'

type Json = Record<string, unknown>

/** `message`, `task completed`, `status working`, `artifact`, `-32001`, `404 NOT_FOUND`, `nothing` … */
export function summarize(answer: Answer): string {
  const type = headerOf(answer, 'content-type') ?? ''
  if (type.startsWith('text/event-stream')) throw new Error('a stream: see summarizeStream')
  if (answer.body.length === 0) return `${answer.status} nothing`
  if (!type.includes('json')) return `${answer.status} ${type}`
  return summarizeValue(jsonOf(answer))
}

export async function summarizeStream(answer: Answer): Promise<string[]> {
  const summaries: string[] = []
  for await (const { data, type } of parseSseStream(new Response(new Uint8Array(answer.body)))) {
    summaries.push(`${type === 'error' ? 'error ' : ''}${summarizeValue(JSON.parse(data))}`)
  }
  return summaries
}

function summarizeValue(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return `list of ${value.length}`
  const json = value as Json
  if ('error' in json) {
    const { code, status } = json['error'] as { code: number; status?: string }
    return status === undefined ? String(code) : `${code} ${status}`
  }
  if ('result' in json) return summarizeValue(json['result'])
  // 0.3 over HTTP+JSON has errors without an envelope.
  if (typeof json['code'] === 'number') return String(json['code'])
  for (const [name, summary] of WRAPPED) if (name in json) return summary(json[name] as Json)
  if ('messageId' in json) return 'message'
  if ('artifact' in json) return 'artifact'
  if ('status' in json) return `${'taskId' in json ? 'status' : 'task'} ${stateOf(json)}`
  return Object.keys(json).toSorted().join(' ')
}

const WRAPPED: [string, (value: Json) => string][] = [
  ['task', (value) => `task ${stateOf(value)}`],
  ['message', () => 'message'],
  ['msg', () => 'message'],
  ['statusUpdate', (value) => `status ${stateOf(value)}`],
  ['artifactUpdate', () => 'artifact'],
]

const stateOf = (value: Json): string => {
  const { state } = value['status'] as { state: string }
  return state
    .replace(/^TASK_STATE_/, '')
    .toLowerCase()
    .replaceAll('_', '-')
}
