// What an answer says in a few words, in either line and binding, so that a test can name what it is about.
import { parseSseStream } from '@a2a-js/sdk'
import { type Answer, headerOf, jsonOf } from './raw-http.ts'

type Json = Record<string, unknown>

/** `message`, `task completed`, `status working`, `artifact`, `-32001`, `404 NOT_FOUND`, `nothing` … */
export function gistOf(answer: Answer): string {
  const type = headerOf(answer, 'content-type') ?? ''
  if (type.startsWith('text/event-stream')) throw new Error('a stream: see gistOfStream')
  if (answer.body.length === 0) return `${answer.status} nothing`
  if (!type.includes('json')) return `${answer.status} ${type}`
  return gistOfValue(jsonOf(answer))
}

export async function gistOfStream(answer: Answer): Promise<string[]> {
  const gists: string[] = []
  for await (const { data, type } of parseSseStream(new Response(new Uint8Array(answer.body)))) {
    gists.push(`${type === 'error' ? 'error ' : ''}${gistOfValue(JSON.parse(data))}`)
  }
  return gists
}

function gistOfValue(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return `list of ${value.length}`
  const json = value as Json
  if ('error' in json) {
    const { code, status } = json['error'] as { code: number; status?: string }
    return status === undefined ? String(code) : `${code} ${status}`
  }
  if ('result' in json) return gistOfValue(json['result'])
  // 0.3 over HTTP+JSON has bare errors.
  if (typeof json['code'] === 'number') return String(json['code'])
  for (const [name, gist] of WRAPPED) if (name in json) return gist(json[name] as Json)
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
