// Runs fixed scripts in a machine. A script is a constant of this repository; everything that comes from a caller is an
// argument or input, so nothing of it is ever read as a command.
import { encodeBase64 } from '../platform/encoding.ts'
import { DomainError } from '../platform/errors.ts'
import type { ExecResult } from '../provisioner/inside.ts'
import { type MachineRef, ProvisionError } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from '../reconcile/context.ts'

/**
 * The functions that scripts use. `need` ends with the name of a program that the image lacks, `fail` with a word.
 * `root` is empty, except in an emulated machine, whose root is a directory.
 */
const PRELUDE = [
  'need() { for tool; do command -v "$tool" >/dev/null 2>&1 || { echo "$tool"; exit 97; }; done; }',
  'fail() { echo "$1"; exit 96; }',
  'root=${MACHINE_ROOT-}',
].join('\n')

const MISSING_TOOL = 97
const FAILED = 96

/** A script ended with a word of its own. */
export class ScriptFailed extends Error {
  override name = 'ScriptFailed'
  readonly word: string

  constructor(word: string) {
    super(`a script in the machine ended with ${word}`)
    this.word = word
  }
}

export type Script = {
  text: string
  args: readonly string[]
  /** Sent in base64, because the provider takes text. */
  stdin?: Uint8Array | undefined
  timeoutSeconds: number
  signal?: AbortSignal | undefined
}

/** @returns what the script printed. @throws DomainError for an image without a shell or a tool; ScriptFailed; ProvisionError */
export async function runScript(
  { provisioner }: Pick<ReconcileContext, 'provisioner'>,
  machine: MachineRef,
  { args, signal, stdin, text, timeoutSeconds }: Script,
): Promise<string> {
  let result: ExecResult
  try {
    result = await provisioner.exec(machine, {
      command: ['sh', '-c', `${PRELUDE}\n${text}`, 'sh', ...args],
      stdin: stdin === undefined ? '' : encodeBase64(stdin),
      timeoutSeconds,
      signal,
    })
  } catch (error) {
    if (isWithoutShell(error)) throw missingTool('sh')
    throw error
  }
  const { exitCode, stderr, stdout } = result
  if (exitCode === 0) return stdout
  const word = stdout.trim().split('\n').at(-1) ?? ''
  if (exitCode === MISSING_TOOL) throw missingTool(word)
  if (exitCode === FAILED) throw new ScriptFailed(word)
  if ((exitCode === 126 || exitCode === 127) && stdout === '') throw missingTool('sh')
  throw new DomainError(
    'conflict',
    `a command in the machine failed (exit ${exitCode}): ${stderr.slice(0, 300)}`,
    {
      details: { reason: 'command_failed' },
    },
  )
}

/** How Fly refuses a program that the image does not have is not documented. */
const isWithoutShell = (error: unknown): boolean =>
  error instanceof ProvisionError &&
  error.problem.code === 'invalid_machine' &&
  /not found|no such file|ENOENT/i.test(error.problem.message)

const missingTool = (tool: string) =>
  new DomainError(
    'conflict',
    `the image of the workspace has no \`${tool}\`, which this needs: add it to the image`,
    {
      details: { reason: 'missing_tool', tool },
    },
  )
