// The scripts of one request about files, one after the other, no faster than the provider allows. Those that change
// nothing when they are repeated are repeated.
import { DomainError, invalidField, type ErrorCode } from '../../platform/errors.ts'
import { MAX_EXEC_SECONDS } from '../../provisioner/inside.ts'
import { type MachineRef, ProvisionError } from '../../provisioner/provisioner.ts'
import type { ReconcileContext } from '../../reconcile/context.ts'
import { runScript, ScriptFailed } from '../machine-shell.ts'
import { toRequestError } from '../../provisioner/request-error.ts'

/** The largest file and archive, in bytes. */
export const MAX_FILE_BYTES = 100 * 1024 * 1024

/** A chunk in base64 is below 4 MB, the usual limit of a message in gRPC. Fly's own limit is not known. */
export const CHUNK_BYTES = 2 * 1024 * 1024

const ATTEMPTS = 6
const AGAIN_MS = 1_000

/** Requests that are kept for the answer. */
const RESERVED = 4

export type FileSession = {
  /** @throws DomainError */
  run(
    text: string,
    args: readonly string[],
    options?: { stdin?: Uint8Array; isRepeatable?: boolean },
  ): Promise<string>
  /** Whether so many more scripts can be run within the requests of this invocation. */
  hasRoomFor(scripts: number): boolean
}

/** @param signal aborts the running script when the caller has left */
export function openSession(
  services: ReconcileContext,
  machine: MachineRef,
  signal: AbortSignal | undefined,
): FileSession {
  const { budget, now, provisioner, sleep } = services
  const { burst, perSecond } = provisioner.execRate
  const gapMs = 1_000 / perSecond
  /** Theoretical arrival time of the next call (generic cell rate algorithm). */
  let nextAt = 0

  async function pace(): Promise<void> {
    const time = now().getTime()
    const waitMs = nextAt - (burst - 1) * gapMs - time
    nextAt = Math.max(nextAt, time) + gapMs
    if (waitMs > 0) await sleep(waitMs, signal)
  }

  const hasRoomFor = (scripts: number) => budget.left() >= scripts + RESERVED

  return {
    hasRoomFor,
    async run(text, args, { isRepeatable = true, stdin } = {}) {
      for (let attempt = 1; ; attempt++) {
        await pace()
        try {
          return await runScript(services, machine, {
            text,
            args,
            stdin,
            timeoutSeconds: MAX_EXEC_SECONDS,
            signal,
          })
        } catch (error) {
          if (error instanceof ScriptFailed) throw refusalOf(error.word)
          if (!(error instanceof ProvisionError)) throw error
          const isSafe = isRepeatable || error.applied === 'no'
          const mayRepeat = isSafe && error.problem.retryable && signal?.aborted !== true
          if (!mayRepeat || attempt === ATTEMPTS || !hasRoomFor(0)) throw toRequestError(error.problem)
          await sleep(error.problem.retryAfterMs ?? AGAIN_MS * attempt, signal)
        }
      }
    },
  }
}

const REFUSALS: Record<string, [ErrorCode, string]> = {
  missing: ['not_found', 'there is no such file or directory in the machine'],
  changed: ['precondition_failed', 'the file has changed: read it again'],
  large: [
    'too_large',
    `it is larger than ${MAX_FILE_BYTES} bytes, the most that one request moves; move it in parts with POST /workspaces/{id}/exec`,
  ],
  lost: [
    'conflict',
    'the upload was removed from the machine, or the machine was restarted: nothing was changed; send it again',
  ],
  broken: ['conflict', 'the upload did not arrive as it was sent: nothing was changed; send it again'],
  room: [
    'conflict',
    'the file system is full: nothing was changed; remove files, or grow the disk (PATCH with disk_gb)',
  ],
  refused: ['conflict', 'the machine refuses it: its file system may be read-only or full'],
  full: ['conflict', 'the directory is not empty: add recursive=true to remove all that is in it'],
  clash: [
    'conflict',
    'the archive has a file where there is a directory, or the other way round: nothing was changed',
  ],
  many: [
    'too_large',
    'the directory has more than 10000 entries: list a directory below it, or run `ls` with POST /workspaces/{id}/exec',
  ],
}

const IN_PATH: Record<string, string> = {
  directory: 'is a directory',
  file: 'is not a directory',
  special: 'is neither a file nor a directory',
  parent: 'leads through something that is not a directory',
}

const IN_BODY: Record<string, string> = {
  digest: 'does not have the SHA-256 of Content-Digest: nothing was changed',
  archive: 'is not a tar archive, or not a complete one: nothing was changed',
}

function refusalOf(word: string): DomainError {
  const inPath = IN_PATH[word]
  if (inPath !== undefined) return invalidField('path', inPath)
  const inBody = IN_BODY[word]
  if (inBody !== undefined) return invalidField('body', inBody)
  const [code, message] = REFUSALS[word] ?? ['conflict', `the machine refuses it (${word})`]
  return new DomainError(code, message, { details: { reason: `file_${word}` } })
}
