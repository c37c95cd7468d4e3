// The runtimes' images. Nobody runs every runtime: an image that was named in a setting has to be there, and of those that come
// from IMAGE_REGISTRY by their names, some.
import { RUNTIMES, type Runtime, runtimeImage } from '../../lib/machines/runtimes.ts'
import { type Finding, ok, skipped, warning, wrong } from './finding.ts'
import { findManifest, type Manifest } from './image-manifest.ts'
import type { Place } from './place.ts'

const OWN_REGISTRY = 'registry.fly.io/'

type Seen = { runtime: Runtime; image: string; named: boolean; manifest: Manifest | 'fly' }

export async function checkImages({ config }: Place, signal: AbortSignal): Promise<Finding> {
  if (config.fly.emulator) return skipped('the emulator runs a sample agent in place of every image')
  const asked = new Map<string, Promise<Manifest>>()
  const find = (image: string) => {
    const found = asked.get(image) ?? findManifest(image, signal)
    asked.set(image, found)
    return found
  }
  const seen = await Promise.all(
    RUNTIMES.map(async (runtime): Promise<Seen> => {
      const image = runtimeImage(runtime, config.images)
      // Only the organization sees what is there, and Fly pulls it with its own login.
      const manifest = image.startsWith(OWN_REGISTRY) ? 'fly' : await find(image)
      return { runtime, image, named: config.images.images[runtime] !== undefined, manifest }
    }),
  )
  return judgeImages(seen, config.fly.apps[0])
}

export function judgeImages(seen: readonly Seen[], app: string): Finding {
  const of = (...kinds: Seen['manifest'][]) => seen.filter(({ manifest }) => kinds.includes(manifest))
  const lost = of('missing', 'refused')
  const parts = [
    say(of('there'), 'can be pulled'),
    say(of('fly'), "in Fly's own registry, which shows them to your organization only"),
    say(of('missing'), 'not there'),
    say(of('refused'), 'private, or not there: registries do not say which'),
    say(of('unreachable'), 'their registry does not answer'),
  ]
  const detail = parts.filter(Boolean).join('; ')
  const fix = lost
    .slice(0, 1)
    .flatMap(({ image, runtime }) => [
      `docker pull ${image}   # can you?`,
      `docker tag ${image} ${OWN_REGISTRY}${app}:${runtime} && fly auth docker && docker push ${OWN_REGISTRY}${app}:${runtime}`,
      `export RUNTIME_IMAGES=${runtime}=${OWN_REGISTRY}${app}:${runtime}   # Fly can log in to no other registry`,
    ])
  if (lost.some(({ named }) => named) || lost.length === seen.length) return wrong(detail, ...fix)
  if (lost.length > 0 || of('unreachable').length > 0) return warning(detail, ...fix)
  return ok(detail)
}

const say = (seen: readonly Seen[], what: string) =>
  seen.length === 0 ? '' : `${seen.map(({ runtime }) => runtime).join(', ')}: ${what}`
