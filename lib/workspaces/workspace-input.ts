// The input of workspaces: the same rules for creating and for changing one.
import type { ReconcileContext } from '../reconcile/context.ts'
import { z } from 'zod'
import { SlugInput } from '../lifecycle/slugs.ts'
import { OUTSIDE_STOP_POLICIES } from '../lifecycle/workspace.ts'
import type { Config } from '../config/config.ts'
import { MAX_DISK_GB } from '../config/disks.ts'
import { invalidField } from '../platform/errors.ts'
import { FromInput } from './create-from.ts'
import { SecretValues } from '../secrets/secret-input.ts'
import { boundedJson, boundedText } from '../platform/postgres-text.ts'
import { EnvName } from '../machines/env-name.ts'
import { DEFAULT_TIER, isReservedEnv, isTier, TIERS, type Tier } from '../machines/machine-spec.ts'
import {
  DEFAULT_RUNTIME,
  EXTERNAL_RUNTIME,
  isAllowedImage,
  isRuntime,
  type Runtime,
  RUNTIMES,
  templateRuntime,
  WORKSPACE_RUNTIMES,
  type WorkspaceRuntime,
} from '../machines/runtimes.ts'
import { workspaceIdInput } from '../platform/uuid.ts'
import { LabelChanges, Labels } from './labels-input.ts'
import { checkPlace } from '../provisioner/places.ts'
import { WorkspaceFiles } from './files-input.ts'

// Characters that Molecule refuses in names and roles, because they end up in YAML and in prompts (docs/facts/molecule.md §2.3).
const plain = (max: number) =>
  boundedText()
    .max(max)
    // oxlint-disable-next-line eslint/no-control-regex -- control characters are what is refused
    .regex(/^[^\u0000-\u001f\u007f]*$/, 'must not contain line breaks or control characters')
const label = (max: number) => plain(max).regex(/^[^{}[\]|>*&!]*$/, 'must not contain any of {}[]|>*&!')

export const MAX_ENV = 200

const EnvValue = boundedText().max(32_768)

/** Variables for the agent. Names of the platform are refused, not silently overridden. */
const WorkspaceEnv = unreserved(z.record(EnvName, EnvValue)).refine(
  (env) => Object.keys(env).length <= MAX_ENV,
  `must not have more than ${MAX_ENV} variables`,
)

function unreserved<Env extends z.ZodType<Record<string, unknown>>>(schema: Env): Env {
  return schema.superRefine((env, context) => {
    for (const name of Object.keys(env).filter(isReservedEnv)) {
      context.addIssue({
        code: 'custom',
        path: [name],
        message: 'is set by the platform and cannot be overridden',
      })
    }
  })
}

/** Further values of config.yaml. Images differ in the word that they expect as `runtime`, so it may be another one. */
const workspaceConfig = (noRuntime: null | undefined) =>
  boundedJson(z.record(z.string().max(255), z.unknown()), MAX_CONFIG_BYTES).refine(
    ({ runtime = noRuntime }) =>
      runtime === noRuntime || (typeof runtime === 'string' && /^[\w.-]{1,100}$/.test(runtime)),
    { path: ['runtime'], error: 'must be a word of letters, digits and ._- (at most 100)' },
  )

export const MAX_CONFIG_BYTES = 65_536

/** A directory of its own: what the image or the platform has at the path would be hidden by the disk. */
const DiskPath = z
  .string()
  .max(255)
  .regex(/^(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)+$/, 'must be an absolute path such as /workspace')
  .refine(
    (path) =>
      !['/app', '/configs', '/dev', '/etc', '/proc', '/sys', '/usr'].includes(
        /^\/[^/]+/.exec(path)?.[0] ?? '',
      ),
    'must not be in a directory of the system or the platform, such as /etc or /configs',
  )

/**
 * The body of POST /workspaces. Molecule's clients send many other members (docs/facts/molecule.md §2.3): they are
 * ignored, and the response names them.
 */
export const CreateWorkspaceInput = z.object({
  name: label(255).trim().min(1, 'must not be empty'),
  slug: SlugInput.nullish(),
  role: label(1000).nullish(),
  runtime: z
    .string()
    .nullish()
    .meta({ examples: [...WORKSPACE_RUNTIMES] }),
  template: z
    .string()
    .max(100)
    .nullish()
    .meta({ examples: ['claude-code-default'] }),
  tier: z
    .number()
    .int()
    .nullish()
    .meta({ examples: [2, 3, 4] }),
  region: z
    .string()
    .nullish()
    .meta({ examples: ['ord'] }),
  regions: z
    .array(z.string())
    .max(18)
    .nullish()
    .meta({ examples: [['ord', 'iad']] }),
  model: plain(100).nullish(),
  parent_id: workspaceIdInput().nullish(),
  image: plain(512).nullish(),
  env: WorkspaceEnv.nullish(),
  config: workspaceConfig(undefined).nullish(),
  labels: Labels.nullish(),
  files: WorkspaceFiles.nullish(),
  public_card: z.boolean().nullish(),
  complete_messages: z.boolean().nullish(),
  idle_minutes: z.int().min(1).max(43_200).nullish(),
  from: FromInput.nullish(),
  disk_gb: z.int().min(0).max(MAX_DISK_GB).nullish(),
  disk_path: DiskPath.nullish(),
  on_host_loss: z.enum(['wait', 'restore']).nullish(),
  on_outside_stop: z.enum(OUTSIDE_STOP_POLICIES).nullish(),
  secrets: SecretValues.nullish(),
})

export type CreateWorkspaceInput = z.infer<typeof CreateWorkspaceInput>

/** The runtime, or the one that the template names. @throws DomainError `invalid_input` */
export function runtimeOf(runtime: string | null | undefined, template?: string | null): WorkspaceRuntime {
  const named = template ? templateRuntime(template) : undefined
  if (template && named === undefined) {
    throw invalidField('template', `must name a runtime: ${RUNTIMES.join(', ')}, or one with -default`)
  }
  if (!runtime) return named ?? DEFAULT_RUNTIME
  if (!isRuntime(runtime) && runtime !== EXTERNAL_RUNTIME)
    throw invalidField('runtime', `must be one of ${WORKSPACE_RUNTIMES.join(', ')}`)
  if (named !== undefined && named !== runtime) {
    throw invalidField('template', `names the runtime ${named}, and runtime is ${runtime}: send one of them`)
  }
  return runtime
}

/** A runtime that has an image. @throws DomainError `invalid_input` */
export function machineRuntimeOf(runtime: string | null | undefined): Runtime {
  const named = runtimeOf(runtime)
  if (named === EXTERNAL_RUNTIME) throw invalidField('runtime', `must be one of ${RUNTIMES.join(', ')}`)
  return named
}

/** Molecule's clients send 0 for "no choice" (docs/facts/molecule.md §2.3). @throws DomainError `invalid_input` */
export function tierOf(tier: number | null | undefined): Tier {
  if (!tier) return DEFAULT_TIER
  if (!isTier(tier)) throw invalidField('tier', `must be one of ${Object.keys(TIERS).join(', ')}`)
  return tier
}

/**
 * Where the machine may be, best first: `regions`, or just `region`, or the default.
 * @throws DomainError `invalid_input`
 */
export function regionsOf(
  { config, provisioner }: ReconcileContext,
  input: { region?: string | null | undefined; regions?: string[] | null | undefined },
): string[] {
  if (input.region && input.regions) throw invalidField('regions', 'give region or regions, not both')
  const wanted = input.regions ?? (input.region ? [input.region] : [config.region])
  const field = input.regions ? 'regions' : 'region'
  if (wanted.length === 0) throw invalidField(field, 'must not be empty')
  for (const region of wanted) checkPlace(field, region, provisioner.regions)
  return [...new Set(wanted)]
}

/** A time at which a hibernated workspace wakes by itself. */
export const WakeAt = z.iso.datetime({ offset: true })

/** How far away a wake may be, in milliseconds. */
const LONGEST_SLEEP_MS = 366 * 86_400_000

/** @returns undefined for no change. @throws DomainError `invalid_input` */
export function wakeAtOf(text: string | null | undefined, now: Date): Date | null | undefined {
  if (text == null) return text
  const at = new Date(text)
  if (at <= now) throw invalidField('wake_at', 'must be in the future')
  if (at.getTime() - now.getTime() > LONGEST_SLEEP_MS) throw invalidField('wake_at', 'must be within a year')
  return at
}

/** @throws DomainError `invalid_input` */
export function imageOf({ images }: Config, image: string | null | undefined): string | null {
  if (!image) return null
  if (!isAllowedImage(image, images)) {
    throw invalidField('image', `must start with ${images.allowed.join(' or ')} (ALLOWED_IMAGE_REGISTRIES)`)
  }
  return image
}

/** The body of PATCH /workspaces/:id: members that are absent stay as they are. */
export const UpdateWorkspaceInput = CreateWorkspaceInput.omit({ from: true, secrets: true, template: true })
  .partial()
  .extend({
    env: unreserved(z.record(EnvName, EnvValue.nullable())).nullish(),
    labels: LabelChanges.nullish(),
    config: workspaceConfig(null).nullish(),
    wake_at: WakeAt.nullish(),
  })

export type UpdateWorkspaceInput = z.infer<typeof UpdateWorkspaceInput>
