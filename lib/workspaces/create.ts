// POST /workspaces: one statement stores what is wanted. The machine is made by the reconcile road that follows, here or
// in the next sweep, so an answer never depends on Fly and a crash loses nothing.
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import { workspaces } from '../../drizzle/schema.ts'
import type { Config } from '../config.ts'
import { invalidField } from '../errors.ts'
import type { Services } from '../services.ts'
import { storableJson, storableText } from '../storable.ts'
import { DEFAULT_TIER, isReservedEnv, isTier, TIERS } from './machine-spec.ts'
import type { Workspace } from './workspace.ts'
import {
  DEFAULT_RUNTIME,
  isAllowedImage,
  isRuntime,
  PROVISION_TIMEOUT_SECONDS,
  type Runtime,
  RUNTIMES,
} from './runtimes.ts'
import { appendEvents } from './transition.ts'

// Characters Molecule bars in names and roles: they end up in YAML and in prompts (molecule.md §2.3).
const plain = (max: number) =>
  storableText()
    .max(max)
    // oxlint-disable-next-line eslint/no-control-regex -- control characters are what is refused
    .regex(/^[^\u0000-\u001f\u007f]*$/, 'must not contain line breaks or control characters')
const label = (max: number) => plain(max).regex(/^[^{}[\]|>*&!]*$/, 'must not contain any of {}[]|>*&!')

const EnvName = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_]{0,254}$/,
    'must be letters, digits and underscores, not starting with a digit',
  )

/** Variables for the agent. Platform names are refused rather than overridden, so that nobody is surprised. */
export const WorkspaceEnv = z
  .record(EnvName, storableText().max(32_768))
  .refine((env) => Object.keys(env).length <= 200, 'must not have more than 200 variables')
  .superRefine((env, context) => {
    for (const name of Object.keys(env).filter(isReservedEnv)) {
      context.addIssue({
        code: 'custom',
        path: [name],
        message: 'is set by the platform and cannot be overridden',
      })
    }
  })

/** The body of POST /workspaces. Unknown members are ignored, as Molecule's clients send many (molecule.md §2.3). */
export const CreateWorkspaceInput = z.object({
  name: label(255).trim().min(1, 'must not be empty'),
  role: label(1000).nullish(),
  runtime: z
    .string()
    .nullish()
    .meta({ examples: [...RUNTIMES] }),
  tier: z
    .number()
    .int()
    .nullish()
    .meta({ examples: [2, 3, 4] }),
  region: z
    .string()
    .nullish()
    .meta({ examples: ['ord'] }),
  model: plain(100).nullish(),
  parent_id: z.uuid().nullish(),
  image: plain(512).nullish(),
  env: WorkspaceEnv.nullish(),
  config: storableJson(z.record(z.string().max(255), z.unknown()), 65_536).nullish(),
  secrets: z
    .null({ error: 'are not supported yet: put values into env, and see SECURITY in the README' })
    .optional(),
})

export type CreateWorkspaceInput = z.infer<typeof CreateWorkspaceInput>

/**
 * Stores a new workspace, `provisioning` and due at once.
 * @throws DomainError `invalid_input` naming the field and what is allowed
 */
export async function createWorkspace(services: Services, input: CreateWorkspaceInput): Promise<Workspace> {
  const { config, db } = services
  const now = services.now()
  const runtime = runtimeOf(input.runtime)
  if (input.parent_id) await checkParent(services, input.parent_id)
  const created = db.$with('created').as(
    db
      .insert(workspaces)
      .values({
        id: crypto.randomUUID(),
        name: input.name,
        role: input.role || null,
        runtime,
        tier: tierOf(input.tier),
        region: regionOf(services, input.region),
        model: input.model || null,
        parentId: input.parent_id ?? null,
        env: input.env ?? {},
        config: input.config ?? {},
        image: imageOf(config, input.image),
        status: 'provisioning',
        deadlineAt: provisionDeadline(config, runtime, now),
        nextCheckAt: now,
        createdAt: now,
        updatedAt: now,
      })
      .returning(),
  )
  const logged = appendEvents(db, 'created', { event: 'workspace_created', now })
  const [row] = await db.with(created, logged).select().from(created)
  if (row === undefined) throw new Error('an INSERT returned no row')
  return row
}

/** When provisioning that begins now is given up. */
export const provisionDeadline = (config: Config, runtime: string, now: Date): Date => {
  const seconds = config.provisionTimeoutSeconds ?? PROVISION_TIMEOUT_SECONDS[runtimeOf(runtime)]
  return new Date(now.getTime() + seconds * 1000)
}

function runtimeOf(runtime: string | null | undefined): Runtime {
  if (!runtime) return DEFAULT_RUNTIME
  if (!isRuntime(runtime)) throw invalidField('runtime', `must be one of ${RUNTIMES.join(', ')}`)
  return runtime
}

// Molecule's clients send 0 for "no choice" (molecule.md §2.3).
function tierOf(tier: number | null | undefined) {
  if (!tier) return DEFAULT_TIER
  if (!isTier(tier)) throw invalidField('tier', `must be one of ${Object.keys(TIERS).join(', ')}`)
  return tier
}

function regionOf({ config, provisioner }: Services, region: string | null | undefined): string {
  if (!region) return config.fly.region
  if (!provisioner.regions.includes(region)) {
    throw invalidField('region', `must be one of ${provisioner.regions.join(', ')}`)
  }
  return region
}

function imageOf({ images }: Config, image: string | null | undefined): string | null {
  if (!image) return null
  if (!isAllowedImage(image, images)) {
    throw invalidField('image', `must start with ${images.allowed.join(' or ')} (ALLOWED_IMAGE_REGISTRIES)`)
  }
  return image
}

async function checkParent({ db }: Services, id: string): Promise<void> {
  const [parent] = await db
    .select({ status: workspaces.status })
    .from(workspaces)
    .where(eq(workspaces.id, id))
  if (parent === undefined || parent.status === 'removed')
    throw invalidField('parent_id', 'there is no such workspace')
}
