// Whether an image can be pulled without a login, as Fly pulls from every registry but its own (docs/facts/fly.md §4.2). The
// manifest is requested with the anonymous token that registries issue (the token flow of the OCI distribution
// specification's implementations).

import { parseImage } from '../../lib/machines/image-reference.ts'
import { readJson } from '../read-response.ts'

export type Manifest = 'there' | 'missing' | 'refused' | 'unreachable'

export type ManifestAddress = { origin: string; repository: string; reference: string }

const TYPES = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

/** Where the registry's API has the manifest of an image. */
export function manifestOf(image: string): ManifestAddress | undefined {
  const parsed = parseImage(image)
  if (parsed === undefined) return undefined
  const host = parsed.registry === 'docker.io' ? 'registry-1.docker.io' : parsed.registry
  // Docker also uses plain HTTP for registries on this computer.
  const scheme = /^(localhost|127\.0\.0\.1)(:|$)/.test(host) ? 'http' : 'https'
  return {
    origin: `${scheme}://${host}`,
    repository: parsed.repository,
    reference: parsed.digest ?? parsed.tag ?? 'latest',
  }
}

export async function findManifest(image: string, signal: AbortSignal): Promise<Manifest> {
  const address = manifestOf(image)
  if (address === undefined) return 'missing'
  const { origin, reference, repository } = address
  const url = `${origin}/v2/${repository}/manifests/${reference}`
  const requestManifest = (headers: Record<string, string>) =>
    fetch(url, { method: 'HEAD', headers: { accept: TYPES, ...headers }, signal })
  try {
    let response = await requestManifest({})
    if (response.status === 401) {
      const token = await anonymousToken(origin, response.headers.get('www-authenticate') ?? '', signal)
      if (token === undefined) return 'refused'
      response = await requestManifest({ authorization: `Bearer ${token}` })
    }
    if (response.ok) return 'there'
    if (response.status === 404) return 'missing'
    return response.status === 401 || response.status === 403 ? 'refused' : 'unreachable'
  } catch {
    return 'unreachable'
  }
}

async function anonymousToken(
  origin: string,
  challenge: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!/^bearer /i.test(challenge)) return undefined
  const terms = Object.fromEntries(
    [...challenge.matchAll(/\b(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  )
  const { realm, scope, service } = terms
  // A registry with TLS has no reason to refer to a token service without TLS.
  if (realm === undefined || !URL.canParse(realm) || new URL(realm).protocol !== new URL(origin).protocol)
    return undefined
  const url = new URL(realm)
  for (const [name, value] of Object.entries({ service, scope }))
    if (value !== undefined) url.searchParams.set(name, value)
  const response = await fetch(url, { signal })
  if (response.status === 401 || response.status === 403) return undefined
  if (!response.ok) throw new Error(`the registry's token service answers ${response.status}`)
  const { access_token, token } = (await readJson(response)) as { token?: string; access_token?: string }
  return token ?? access_token
}
