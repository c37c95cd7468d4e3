// The body of POST /workspaces/:id/exec.
import { z } from 'zod'
import { whenUsed } from '../platform/when-used.ts'

/** Seconds. A longer program is better started by the agent itself, or in the background. */
const MAX_COMMAND_SECONDS = 300

/** Bytes of each output. Both in base64 are below 4 MB, the usual limit of a message in gRPC. */
export const MAX_OUTPUT_BYTES = 1024 * 1024

const word = z
  .string()
  .max(100_000)
  .refine(
    (text) => !text.includes('\0') && text.isWellFormed(),
    'must not contain NUL or a broken surrogate pair',
  )

const absolutePath = word.max(4_096).regex(/^\//, 'must be an absolute path, such as /workspace')

export const ExecInput = whenUsed(() =>
  z.strictObject({
    command: z
      .array(word)
      .min(1, 'must name a program')
      .max(1_000)
      .refine(([program]) => program !== '', 'must name a program'),
    stdin: z.string().max(900_000).optional(),
    encoding: z.enum(['utf8', 'base64']).default('utf8'),
    cwd: absolutePath.optional(),
    env: z
      .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,199}$/, 'must be the name of a variable'), word)
      .refine((env) => Object.keys(env).length <= 100, 'must have at most 100 variables')
      .default({}),
    timeout_seconds: z.int().min(1).max(MAX_COMMAND_SECONDS).default(30),
    max_output_bytes: z
      .int()
      .min(0)
      .max(MAX_OUTPUT_BYTES)
      .default(256 * 1024),
  }),
)

export type ExecInput = z.infer<typeof ExecInput>
