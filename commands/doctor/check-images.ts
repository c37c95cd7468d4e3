// The images of the runtimes. Few users run every runtime: an image that a setting names must exist, and of those that
// IMAGE_REGISTRY implies at least one.
import { RUNTIMES, type Runtime, runtimeImage } from '../../lib/machines/runtimes.ts'
import { type Finding, ok, skipped, warning, wrong } from './finding.ts'
import { findManifest, type Manifest } from './image-manifest.ts'
import type { DoctorContext } from './context.ts'

const FLY_REGISTRY = 'registry.fly.io/'

type Seen = { runtime: Runtime; image: string; named: boolean; manifest: Manifest | 'fly' }

export async function checkImages({ config }: DoctorContext, signal: AbortSignal): Promise<Finding> {
  if (config.backend === 'emulator')
    return skipped('the emulator runs programs of this computer in place of images')
  const asked = new Map<string, Promise<Manifest>>()
  const find = (image: string) => {
    const found = asked.get(image) ?? findManifest(image, signal)
    asked.set(image, found)
    return found
  }
  const seen = await Promise.all(
    RUNTIMES.map(async (runtime): Promise<Seen> => {
      const image = runtimeImage(runtime, config.images)
      // Only the organization can read Fly's registry, and Fly pulls from it with its own login.
      const manifest = image.startsWith(FLY_REGISTRY) ? 'fly' : await find(image)
      return { runtime, image, named: config.images.images[runtime] !== undefined, manifest }
    }),
  )
  return imagesFinding(seen, config.fly.apps[0])
}

function imagesFinding(seen: readonly Seen[], app: string): Finding {
  const of = (...kinds: Seen['manifest'][]) => seen.filter(({ manifest }) => kinds.includes(manifest))
  const lost = of('missing', 'refused')
  const parts = [
    describe(of('there'), 'can be pulled'),
    describe(of('fly'), "in Fly's registry, which only your organization can read"),
    describe(of('missing'), 'not there'),
    describe(of('refused'), 'private or not there, registries do not say which'),
    describe(of('unreachable'), 'their registry does not answer'),
  ]
  const detail = parts.filter(Boolean).join('; ')
  const fix = lost
    .slice(0, 1)
    .flatMap(({ image, runtime }) => [
      `docker pull ${image}   # check that it exists`,
      `docker tag ${image} ${FLY_REGISTRY}${app}:${runtime} && fly auth docker && docker push ${FLY_REGISTRY}${app}:${runtime}`,
      `export RUNTIME_IMAGES=${runtime}=${FLY_REGISTRY}${app}:${runtime}   # Fly can log in to no other registry`,
    ])
  if (lost.some(({ named }) => named) || lost.length === seen.length) return wrong(detail, ...fix)
  if (lost.length > 0 || of('unreachable').length > 0) return warning(detail, ...fix)
  return ok(detail)
}

const describe = (seen: readonly Seen[], what: string) =>
  seen.length === 0 ? '' : `${seen.map(({ runtime }) => runtime).join(', ')}: ${what}`
