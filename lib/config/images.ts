// Settings of images: where runtimes come from, which images callers may name, and what is rolled out automatically.
import { z } from 'zod'
import { type ImagePolicy, isRuntime, RUNTIMES, type Runtime } from '../machines/runtimes.ts'
import { list, setting, text, type Values } from './setting.ts'

const RUNTIME_NAMES = RUNTIMES.join(', ')

const runtimeImages = list.transform((pairs, context): Partial<Record<Runtime, string>> => {
  const images: Partial<Record<Runtime, string>> = {}
  for (const pair of pairs) {
    const [runtime = '', image = ''] = pair.split(/=(.*)/s)
    if (isRuntime(runtime) && image !== '') images[runtime] = image
    else
      context.addIssue({
        code: 'custom',
        message: `must be runtime=image pairs separated by commas, with runtime one of ${RUNTIME_NAMES}`,
      })
  }
  return images
})

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

export function toImagePolicy({ allowed, images, registry }: Values<typeof IMAGES>): ImagePolicy {
  const withoutSlash = registry.replace(/(?<!\/)\/+$/, '')
  return {
    registry: withoutSlash,
    images,
    // Fly pulls from public registries and from its own; it cannot log in to another (docs/facts/fly.md §4.2).
    allowed: allowed ?? [withoutSlash, 'registry.fly.io'],
  }
}
