// `POST …/exec`: one command in a started machine, buffered and not interactive (docs/facts/fly.md §2.5).

import { z } from 'zod'
import { CommandCutOff, CommandNotFound } from '../guests/host.ts'
import type { Guest, GuestCommand } from '../guests/host.ts'
import { FlyError } from '../shared/fly-error.ts'

/** Seconds for a command that sets none, and the most that is accepted. Fly's own values are not known. */
const DEFAULT_SECONDS = 30
const MAX_SECONDS = 60

const execBody = z.looseObject({
  command: z.array(z.string()).nullish(),
  cmd: z.string().nullish(),
  stdin: z.string().nullish(),
  timeout: z.int().nullish(),
})

/** @throws FlyError 400 */
export function parseCommand(body: unknown): GuestCommand {
  const parsed = execBody.safeParse(body)
  if (!parsed.success) throw new FlyError(400, 'invalid_argument: command must be a list of texts')
  const { cmd, command, stdin, timeout } = parsed.data
  // The older `cmd` is one text, split at spaces.
  const words = command ?? cmd?.split(' ').filter((word) => word !== '') ?? []
  if (words.length === 0) throw new FlyError(400, 'invalid_argument: command is required')
  if (words.some((word) => word.includes('\0')))
    throw new FlyError(400, 'invalid_argument: command must not contain NUL')
  const seconds = timeout === null || timeout === undefined || timeout <= 0 ? DEFAULT_SECONDS : timeout
  return { command: words, stdin: stdin ?? '', timeoutMs: Math.min(seconds, MAX_SECONDS) * 1000 }
}

/** @throws FlyError 408 when the command or its machine did not last; 400 when there is no such program */
export async function runCommand(guest: Guest, command: GuestCommand): Promise<Response> {
  try {
    const { exitCode, signal, stderr, stdout } = await guest.exec(command)
    // Fly documents this content type for the same JSON.
    return Response.json(
      { exit_code: exitCode, exit_signal: signal, stdout, stderr },
      { headers: { 'content-type': 'application/octet-stream' } },
    )
  } catch (error) {
    if (error instanceof CommandCutOff) throw new FlyError(408, `deadline_exceeded: ${error.message}`)
    if (error instanceof CommandNotFound) throw new FlyError(400, `failed_precondition: ${error.message}`)
    throw error
  }
}
