// The one parser of image references: `registry/repository:tag@digest`, by the grammar of the OCI distribution specification
// and Docker's rule for the registry. Comparing beginnings of texts is not enough: `ghcr.io/acme/../evil` begins with
// `ghcr.io/acme/`, and registries may resolve the dots.

export type ImageReference = {
  /** Host of the registry, with its port; `docker.io` where the reference names none. */
  registry: string
  /** Path in the registry; images of Docker Hub without a namespace are in `library`. */
  repository: string
  tag: string | undefined
  digest: string | undefined
}

/** Longest repository, registry included, that registries accept. */
const MAX_NAME = 255

const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?$/
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
const DIGEST = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[A-Za-z0-9=_-]{1,256}$/

/** @returns undefined for a text that is no image reference */
export function parseImage(text: string): ImageReference | undefined {
  const [beforeDigest = '', digest, ...more] = text.split('@')
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest))) return undefined
  const colon = beforeDigest.lastIndexOf(':')
  const hasTag = colon > beforeDigest.lastIndexOf('/')
  const tag = hasTag ? beforeDigest.slice(colon + 1) : undefined
  if (tag !== undefined && !TAG.test(tag)) return undefined
  const name = parseName(hasTag ? beforeDigest.slice(0, colon) : beforeDigest)
  return name === undefined ? undefined : { ...name, tag, digest }
}

/**
 * Whether an image is in one of these registries or namespaces, such as `registry.fly.io` or `ghcr.io/acme`. Whole path
 * components are compared.
 */
export function isImageWithin(image: string, namespaces: readonly string[]): boolean {
  const parsed = parseImage(image)
  if (parsed === undefined) return false
  const name = `${parsed.registry}/${parsed.repository}`
  return namespaces.some((namespace) => name.startsWith(`${toNamespace(namespace)}/`))
}

/** The first component of a name is its registry if it looks like a host; otherwise the image is on Docker Hub. */
function parseName(name: string): Pick<ImageReference, 'registry' | 'repository'> | undefined {
  if (name.length > MAX_NAME) return undefined
  const [first = '', ...rest] = name.split('/')
  const hasHost = rest.length > 0 && isHost(first)
  if (hasHost && !HOST.test(first)) return undefined
  const components = hasHost ? rest : [first, ...rest]
  if (!components.every((component) => COMPONENT.test(component))) return undefined
  const registry = hasHost ? first.toLowerCase() : DOCKER_HUB
  const isOfficial = registry === DOCKER_HUB && components.length === 1
  return { registry, repository: isOfficial ? `library/${components.join('/')}` : components.join('/') }
}

const DOCKER_HUB = 'docker.io'

const isHost = (component: string) => /[.:A-Z]/.test(component) || component === 'localhost'

function toNamespace(namespace: string): string {
  const [first = '', ...rest] = namespace.replace(/\/$/, '').split('/')
  return isHost(first) ? [first.toLowerCase(), ...rest].join('/') : [DOCKER_HUB, first, ...rest].join('/')
}

/** An image without its tag and digest, as it was written. */
export const repositoryOf = (image: string): string => {
  const name = image.split('@', 1)[0] ?? ''
  const colon = name.lastIndexOf(':')
  return colon > name.lastIndexOf('/') ? name.slice(0, colon) : name
}

/** The tag of an image; `latest` where it has none. */
export const tagOf = (image: string): string => parseImage(image)?.tag ?? 'latest'
