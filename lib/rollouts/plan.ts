// The input of a rollout, and how the sizes of its tranches become numbers of workspaces. Pure.
import { z } from 'zod'
import type { RolloutPlan } from '../../drizzle/schema/index.ts'
import { workspaceIdInput } from '../platform/uuid.ts'
import { whenUsed } from '../platform/when-used.ts'

const Tranche = whenUsed(() =>
  z.union([
    z.int().min(1).max(1_000_000),
    z.string().regex(/^(?:100|[1-9]\d?)%$/, 'must be a number of workspaces, or a share such as "10%"'),
  ]),
)

export const DIGEST = /^sha256:[0-9a-f]{64}$/

/**
 * The body of POST /rollouts. Unknown members are refused: a misspelled one would change how the rollout proceeds.
 */
export const RolloutInput = whenUsed(() =>
  z.strictObject({
    runtime: z.string(),
    image: z
      .string()
      .max(512)
      // The characters of a registry's names, tags and digests.
      .regex(/^[\w./:@-]+$/, 'must be the name of an image')
      .optional(),
    digest: z.string().regex(DIGEST, 'must be sha256: and 64 hexadecimal digits').optional(),
    workspaces: z.array(workspaceIdInput()).min(1).max(1_000).optional(),
    tranches: z
      .array(Tranche)
      .min(1)
      .max(20)
      .optional()
      .meta({ examples: [[1, '10%', '50%', '100%']] }),
    max_failures: z.int().min(0).max(10_000).optional(),
    ready_seconds: z.int().min(1).max(86_400).optional(),
    watch_seconds: z.int().min(0).max(86_400).optional(),
    busy_seconds: z.int().min(0).max(604_800).optional(),
    when_busy: z.enum(['skip', 'wait', 'restart']).optional(),
  }),
)

export type RolloutInput = z.infer<typeof RolloutInput>

const TRANCHES = [1, '10%', '50%']
const WATCH_SECONDS = 60
const BUSY_SECONDS = 3_600

/** @param fleet the number of workspaces to update */
export function planOf(
  input: Omit<RolloutInput, 'runtime' | 'image' | 'digest'>,
  fleet: number,
): RolloutPlan {
  return {
    targets: targetsOf(input.tranches ?? TRANCHES, fleet, input.workspaces?.length),
    max_failures: input.max_failures ?? 0,
    ready_seconds: input.ready_seconds ?? null,
    watch_seconds: input.watch_seconds ?? WATCH_SECONDS,
    busy_seconds: input.busy_seconds ?? BUSY_SECONDS,
    when_busy: input.when_busy ?? 'skip',
  }
}

/**
 * How many workspaces have the image at the end of each tranche except the last, which is all of them. A size that
 * adds nothing to the one before is left out.
 * @param named the number of workspaces that were named to try it first
 */
export function targetsOf(tranches: (number | string)[], fleet: number, named?: number): number[] {
  const targets = named === undefined ? [] : [named]
  for (const size of tranches) {
    const target = typeof size === 'number' ? size : Math.ceil((Number.parseInt(size, 10) / 100) * fleet)
    if (target > (targets.at(-1) ?? 0) && target < fleet) targets.push(target)
  }
  return targets
}
