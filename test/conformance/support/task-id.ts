// The task id in an answer, for either version and binding.
import { type Answer, jsonOf } from './raw-http.ts'

type Tree = { [name: string]: Tree | undefined } & { id?: string }

export function taskIdOf(answer: Answer | undefined): string {
  if (answer === undefined) throw new Error('no answer')
  const json = jsonOf(answer) as Tree
  const outcome = json['result'] ?? json
  const id = (outcome['task'] ?? outcome).id
  if (typeof id !== 'string') throw new Error(`no task in ${String(answer.body)}`)
  return id
}
