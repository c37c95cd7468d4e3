// A script in a process of its own, which ends with this one. It answers each command with one message.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setPriority } from 'node:os'

export type HelperProcess<Command extends object> = {
  /** What it sent when it was ready. */
  ready: unknown
  /** Resolves with what the process answers. */
  send(command: Command): Promise<unknown>
  stop(): Promise<void>
}

/** Lower than the priority of the server: on real systems attackers do not share its processors. */
const NICE = 10

export async function startHelper<Command extends object>(script: string): Promise<HelperProcess<Command>> {
  const child = fork(new URL(script, import.meta.url), { execArgv: [] })
  const exited = once(child, 'exit')
  const answer = async (): Promise<unknown> => {
    const died = exited.then(() => {
      throw new Error(`${script} ended`)
    })
    const [message] = (await Promise.race([once(child, 'message'), died])) as [unknown]
    died.catch(() => {})
    return message
  }
  const ready = await answer()
  if (child.pid !== undefined) setPriority(child.pid, NICE)
  return {
    ready,
    async send(command) {
      const answered = answer()
      child.send(command)
      return answered
    },
    async stop() {
      child.disconnect()
      await exited
    },
  }
}
