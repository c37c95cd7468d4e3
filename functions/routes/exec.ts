// POST /workspaces/:id/exec: one command in the machine of a workspace. The audit names the program, and nothing else of
// it: arguments, input and output may contain secrets.
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Services } from '../../lib/control-plane/services.ts'
import { awakeMachine, DEFAULT_WAIT_SECONDS } from '../../lib/inside/awake-machine.ts'
import { execCommand, type ExecOutcome } from '../../lib/inside/exec-command.ts'
import { ExecInput } from '../../lib/inside/exec-input.ts'
import { encodeBase64 } from '../../lib/platform/encoding.ts'
import { toPostgresText } from '../../lib/platform/postgres-text.ts'
import { withRequestBudget } from '../../lib/platform/subrequest-budget.ts'
import type { AppEnv } from '../http/app-env.ts'
import { described } from '../../lib/platform/described.ts'
import { createRouter, IdParam, json, jsonBody, problem } from '../http/openapi.ts'
import { preferredWait } from '../http/prefer.ts'
import { withCaller } from '../http/with-caller.ts'

const ExecView = described(() =>
  z
    .object({
      exit_code: z.int().describe('The exit code, or 128 and the number of the signal, as shells report it.'),
      signal: z
        .int()
        .nullable()
        .describe('The number of the signal that ended the command; null for an exit.'),
      stdout: z.string().describe('What it printed, in the encoding of the request.'),
      stderr: z.string().describe('Its errors, in the encoding of the request.'),
      truncated: z
        .boolean()
        .describe('Whether output was dropped, because it was longer than `max_output_bytes`.'),
      timed_out: z.boolean().describe('Whether it was killed because of `timeout_seconds`.'),
      duration_ms: z.int().describe('How long it took, with the requests to the provider.'),
    })
    .openapi('ExecResult'),
)

const execRoute = createRoute({
  method: 'post',
  path: '/workspaces/{id}/exec',
  operationId: 'execCommand',
  description: described(
    () =>
      'Runs a command in the machine, beside the agent and with its environment, and waits for its end. A command that fails is a 200 with its `exit_code`. A sleeping workspace is woken first; `Prefer: wait=N` says for how many seconds. A command that the machine’s end cuts off is a 503 with the reason `command_lost`: it may have run in part. The image needs `sh`, `base64`, `cat`, `head`, `mkdir`, `mv`, `rm` and `sleep`.',
  ),
  request: { params: IdParam, body: jsonBody(ExecInput.openapi('Exec')) },
  responses: described(() => ({
    200: json(ExecView, 'The command ended, or was killed at its timeout.'),
    400: problem('A field is invalid, or `cwd` is not a directory in the machine.'),
    404: problem('No such workspace.'),
    409: problem(
      'The workspace is paused, failed or removed, or its image lacks a tool, which `tool` names.',
    ),
    503: problem(
      'The machine does not run yet, ended under the command, or cannot be reached; `reason` says why.',
    ),
  })),
})

const MAX_NAME = 100

/** For requests that reach into a machine: how they wait for it. */
export const wakeOptions = (c: Context<AppEnv>) => ({
  waitSeconds: preferredWait(c) ?? DEFAULT_WAIT_SECONDS,
  signal: c.req.raw.signal,
  waitUntil: (work: Promise<unknown>) => c.executionCtx.waitUntil(work),
})

export function execRoutes(services: Services) {
  const app = createRouter()
  app.openapi(execRoute, async (c) => {
    const { id } = c.req.valid('param')
    const input = c.req.valid('json')
    c.set('command', toPostgresText(input.command[0]?.slice(0, MAX_NAME) ?? ''))
    const counted = withRequestBudget(withCaller(services, c))
    const machine = await awakeMachine(counted, id, wakeOptions(c))
    const outcome = await execCommand(counted, machine, id, input, c.req.raw.signal)
    return c.json(viewOf(outcome, input), 200)
  })
  return app
}

function viewOf(outcome: ExecOutcome, { encoding }: ExecInput): z.infer<typeof ExecView> {
  const text = (bytes: Uint8Array) =>
    encoding === 'base64' ? encodeBase64(bytes) : new TextDecoder().decode(bytes)
  return {
    exit_code: outcome.exitCode,
    signal: outcome.signal ?? null,
    stdout: text(outcome.stdout),
    stderr: text(outcome.stderr),
    truncated: outcome.truncated,
    timed_out: outcome.timedOut,
    duration_ms: outcome.durationMs,
  }
}
