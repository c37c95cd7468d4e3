// Commands in a running machine: buffered, and not interactive (docs/facts/fly.md §2.5).

import { z } from 'zod'
import type { CallOptions, Requester } from './request.ts'

export type ExecInput = {
  /** The program and its arguments. No shell is involved. */
  command: readonly string[]
  /** Text, because Fly's API takes JSON. */
  stdin?: string | undefined
  /** Seconds. Calls longer than about 30 s can end in a 408 at random (docs/facts/fly.md §12.3). */
  timeoutSeconds: number
}

/** `exitSignal` is 0 when no signal ended the command. */
export type ExecAnswer = { exitCode: number; exitSignal: number; stdout: string; stderr: string }

const number = z.number().nullish()
const text = z.string().nullish()

/** Go leaves out members that are zero or empty. */
const answer = z
  .looseObject({ exit_code: number, exit_signal: number, stdout: text, stderr: text })
  .transform((body): ExecAnswer => ({
    exitCode: body.exit_code ?? 0,
    exitSignal: body.exit_signal ?? 0,
    stdout: body.stdout ?? '',
    stderr: body.stderr ?? '',
  }))

/** What an answer may take beyond the command's own timeout, in milliseconds. */
const ANSWER_MS = 10_000

export function execCalls(request: Requester) {
  return {
    /**
     * Runs a command. A command that fails is an answer. Throws FlyError: `timeout` when the command did not end in
     * time, `wrong_state` when the machine does not run.
     */
    async exec(app: string, id: string, input: ExecInput, options: CallOptions = {}): Promise<ExecAnswer> {
      const { command, stdin, timeoutSeconds } = input
      const { body } = await request({
        action: 'exec',
        method: 'POST',
        path: ['v1', 'apps', app, 'machines', id, 'exec'],
        app,
        body: { command, timeout: timeoutSeconds, ...(stdin === undefined ? {} : { stdin }) },
        read: answer,
        timeoutMs: timeoutSeconds * 1000 + ANSWER_MS,
        options,
      })
      return body
    },
  }
}
