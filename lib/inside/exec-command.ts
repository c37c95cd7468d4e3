// POST /workspaces/:id/exec: runs one command in the machine of a workspace and waits for its end. The command is
// started once; what is repeated is only the question whether it has ended.
import { decodeBase64 } from '../platform/encoding.ts'
import { DomainError, invalidField } from '../platform/errors.ts'
import { MAX_EXEC_SECONDS } from '../provisioner/inside.ts'
import { type MachineRef, ProvisionError } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from '../reconcile/context.ts'
import { touchWorkspace } from '../workspaces/hibernate.ts'
import type { ExecInput } from './exec-input.ts'
import { parseReport, POLL_SCRIPT, type Report, START_SCRIPT } from './exec-script.ts'
import { runScript, type Script, ScriptFailed } from './machine-shell.ts'
import { toRequestError } from '../provisioner/request-error.ts'

export type ExecOutcome = {
  exitCode: number
  /** The number of the signal, as shells report it; undefined for an exit. */
  signal: number | undefined
  stdout: Uint8Array
  stderr: Uint8Array
  truncated: boolean
  timedOut: boolean
  durationMs: number
}

/** How long the first call, and later ones, wait for the end of the command, in seconds: within what a provider allows. */
const FIRST_WAIT_SECONDS = 4
const WAIT_SECONDS = MAX_EXEC_SECONDS - 8

/** What the answer may take beyond the command's own time, and the pause after a failed question, in milliseconds. */
const GRACE_MS = 20_000
const AGAIN_MS = 1_000

/** Requests that are kept for the answer. */
const RESERVED = 4

/**
 * A command that fails is an outcome.
 * @throws DomainError when it could not be started, when its machine ended under it, and when the provider no longer
 *   says what became of it
 */
export async function execCommand(
  services: ReconcileContext,
  machine: MachineRef,
  workspaceId: string,
  input: ExecInput,
  signal: AbortSignal | undefined,
): Promise<ExecOutcome> {
  const beganAt = services.now().getTime()
  const until = beganAt + input.timeout_seconds * 1000 + GRACE_MS
  const id = crypto.randomUUID()
  let report = await start(services, machine, startOf(id, input, signal))
  while (report === undefined || report.state === 'running') {
    const isOver =
      services.now().getTime() >= until || services.budget.left() < RESERVED || signal?.aborted === true
    if (isOver) throw lost('the command was started, and the provider does not say what became of it')
    if (report === undefined) await services.sleep(AGAIN_MS, signal)
    await touchWorkspace(services, workspaceId)
    report = await poll(services, machine, pollOf(id, until - services.now().getTime(), signal))
  }
  if (report.state === 'ended') return outcomeOf(report, input, services.now().getTime() - beganAt)
  throw lost('the machine ended, or was restarted, while the command ran: whether it finished is not known')
}

const lost = (message: string) =>
  new DomainError('unavailable', `${message}; check what it did before you run it again`, {
    details: { reason: 'command_lost' },
  })

function startOf(id: string, input: ExecInput, signal: AbortSignal | undefined): Script {
  const variables = Object.entries(input.env).map(([name, value]) => `${name}=${value}`)
  const wait = Math.min(input.timeout_seconds + 1, FIRST_WAIT_SECONDS)
  return {
    text: START_SCRIPT,
    args: [
      id,
      // One more, which shows that there was more.
      String(input.max_output_bytes + 1),
      String(input.timeout_seconds),
      String(wait * 10),
      input.cwd ?? '',
      String(variables.length),
      ...variables,
      ...input.command,
    ],
    stdin: stdinOf(input),
    timeoutSeconds: MAX_EXEC_SECONDS,
    signal,
  }
}

const pollOf = (id: string, leftMs: number, signal: AbortSignal | undefined): Script => ({
  text: POLL_SCRIPT,
  args: [id, String(Math.max(10, Math.min(WAIT_SECONDS * 10, Math.floor(leftMs / 100))))],
  timeoutSeconds: MAX_EXEC_SECONDS,
  signal,
})

function stdinOf({ encoding, stdin = '' }: ExecInput): Uint8Array {
  if (encoding === 'utf8') return new TextEncoder().encode(stdin)
  try {
    return decodeBase64(stdin)
  } catch {
    throw invalidField('stdin', 'is not base64, as `encoding` says')
  }
}

/** @returns undefined when the provider did not say whether the command was started: from then on it is only asked for */
async function start(
  services: ReconcileContext,
  machine: MachineRef,
  script: Script,
): Promise<Report | undefined> {
  try {
    return parseReport(await runScript(services, machine, script))
  } catch (error) {
    if (error instanceof ScriptFailed) throw refusalOf(error)
    if (!(error instanceof ProvisionError)) throw error
    if (error.applied === 'no') throw toRequestError(error.problem)
    return undefined
  }
}

/** @returns undefined when the provider did not answer */
async function poll(
  services: ReconcileContext,
  machine: MachineRef,
  script: Script,
): Promise<Report | undefined> {
  try {
    return parseReport(await runScript(services, machine, script))
  } catch (error) {
    if (!(error instanceof ProvisionError)) throw error
    const { code } = error.problem
    // The machine does not run any more.
    return code === 'busy' || code === 'machine_not_found' ? { state: 'lost' } : undefined
  }
}

function refusalOf({ word }: ScriptFailed): DomainError {
  if (word === 'cwd') return invalidField('cwd', 'is not a directory in the machine')
  return new DomainError(
    'conflict',
    'the machine has no room in /tmp for the output of the command: remove files there',
    {
      details: { reason: 'no_room' },
    },
  )
}

function outcomeOf(
  report: Extract<Report, { state: 'ended' }>,
  { max_output_bytes: limit }: ExecInput,
  durationMs: number,
): ExecOutcome {
  const stdout = decodeBase64(report.stdout)
  const stderr = decodeBase64(report.stderr)
  return {
    exitCode: report.code,
    signal: report.code > 128 && report.code <= 160 ? report.code - 128 : undefined,
    stdout: stdout.subarray(0, limit),
    stderr: stderr.subarray(0, limit),
    truncated: stdout.length > limit || stderr.length > limit,
    timedOut: report.timedOut,
    durationMs,
  }
}
