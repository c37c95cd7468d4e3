// Parses an image name into the parts that Fly reports as `image_ref` (docs/facts/fly.md §2.9).

import { sha256 } from '../shared/ids.ts'
import type { ImageRef } from '../store/records.ts'

/** A pinned digest is kept. An unpinned image gets a digest that is computed from its name, because nothing is pulled. */
export async function parseImageRef(image: string): Promise<ImageRef> {
  const [name = image, pinned] = image.split('@')
  const slash = name.indexOf('/')
  const first = slash === -1 ? '' : name.slice(0, slash)
  const hasRegistry = /[.:]/.test(first) || first === 'localhost'
  const registry = hasRegistry ? first : 'registry-1.docker.io'
  const path = hasRegistry ? name.slice(slash + 1) : name
  const colon = path.lastIndexOf(':')
  const repository = colon === -1 ? path : path.slice(0, colon)
  return {
    registry,
    repository: !hasRegistry && !repository.includes('/') ? `library/${repository}` : repository,
    // A pinned reference without a tag has none to report.
    tag: colon !== -1 ? path.slice(colon + 1) : pinned === undefined ? 'latest' : '',
    digest: pinned ?? `sha256:${await sha256(image)}`,
    labels: {},
  }
}
