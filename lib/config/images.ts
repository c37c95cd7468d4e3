// Settings of images: where runtimes come from, which images callers may name, and what is rolled out automatically.
import { z } from 'zod'
import { type ImagePolicy, isRuntime, RUNTIMES, type Runtime } from '../machines/runtimes.ts'
import { readPairs } from '../platform/pairs.ts'
import { list, setting, text, type Values } from './setting.ts'

const RUNTIME_NAMES = RUNTIMES.join(', ')

const runtimeImages = list.transform((texts, context): Partial<Record<Runtime, string>> => {
  const images: Partial<Record<Runtime, string>> = {}
  const refuse = (message: string) => context.addIssue({ code: 'custom', message })
  const malformed = `must be runtime=image pairs separated by commas, with runtime one of ${RUNTIME_NAMES}`
  const pairs = readPairs(texts, (problem) =>
    refuse(problem.kind === 'malformed' ? malformed : `names ${problem.name} twice`),
  )
  for (const [runtime, image] of pairs) {
    if (isRuntime(runtime) && image !== '') images[runtime] = image
    else refuse(malformed)
  }
  return images
})

/** The program and its arguments, as an image's ENTRYPOINT and CMD name them. */
const Command = z.array(z.string().max(4_096)).min(1).max(100)

const runtimeCommands = z.string().transform((text, context): Partial<Record<Runtime, string[]>> => {
  const commands: Partial<Record<Runtime, string[]>> = {}
  for (const [runtime, command] of Object.entries(parseObject(text) ?? { '': undefined })) {
    const parsed = Command.safeParse(command)
    if (isRuntime(runtime) && parsed.success && parsed.data[0] !== '') commands[runtime] = parsed.data
    else
      context.addIssue({
        code: 'custom',
        message: `must be a JSON object such as {"hermes":["/entrypoint.sh","run"]}, with runtimes of ${RUNTIME_NAMES}`,
      })
  }
  return commands
})

function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

const runtimes = list.transform((names, context): Runtime[] =>
  names.filter((name): name is Runtime => {
    if (isRuntime(name)) return true
    context.addIssue({
      code: 'custom',
      message: `must be runtimes separated by commas, each one of ${RUNTIME_NAMES}`,
    })
    return false
  }),
)

/** A forge signs its webhooks with this. Anyone who guesses it decides which images run. */
const webhookSecret = z.string().trim().min(16, 'must have at least 16 characters: openssl rand -hex 32')

export const IMAGES = {
  registry: setting('IMAGE_REGISTRY', text.default('ghcr.io/molecule-ai')),
  images: setting('RUNTIME_IMAGES', runtimeImages.default({})),
  allowed: setting('ALLOWED_IMAGE_REGISTRIES', list.optional()),
  /** The commands of runtimes whose images' ENTRYPOINT Fly does not run beside secrets of a process. */
  commands: setting('RUNTIME_EXEC', runtimeCommands.default({})),
}

export const ROLLOUTS = {
  /** Runtimes whose newest published image is rolled out automatically. */
  auto: setting('ROLLOUT_AUTO', runtimes.default([])),
}

/** Signing secrets of image-published webhooks; without one the forge's route answers 404. */
export const FORGE_SECRETS = {
  github: setting('GITHUB_WEBHOOK_SECRET', webhookSecret.optional()),
  gitea: setting('GITEA_WEBHOOK_SECRET', webhookSecret.optional()),
}

export function toImagePolicy({ allowed, commands, images, registry }: Values<typeof IMAGES>): ImagePolicy {
  const withoutSlash = registry.replace(/(?<!\/)\/+$/, '')
  return {
    registry: withoutSlash,
    images,
    commands,
    // Fly pulls from public registries and from its own; it cannot log in to another (docs/facts/fly.md §4.2).
    allowed: allowed ?? [withoutSlash, 'registry.fly.io'],
  }
}
