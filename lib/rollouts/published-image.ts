// Reads a forge's webhook about a published container image. Pure. Other events are ignored with a reason. Only the
// signed body is read: headers are not signed.
import { z } from 'zod'
import { DIGEST } from './plan.ts'
import { boundedText } from '../platform/postgres-text.ts'
import { whenUsed } from '../platform/when-used.ts'

export type Published = {
  /** Registry, owner and name, in lower case. */
  repository: string
  tag: string
  /** Null: the event does not say. */
  digest: string | null
  /** Identifies the publication, also when it is reported again. */
  version: string
}

export type Reading = { published: Published } | { ignored: string }

const ignored = (why: string): Reading => ({ ignored: why })

/**
 * GitHub sends the same data as `package` or `registry_package`. `version` (and `name`) of a container's version is
 * its digest. Its tag is in `container_metadata`, and is empty for a manifest that was pushed without one, such as
 * the parts of an image for several platforms (octokit/webhooks, payload-examples/api.github.com/registry_package and
 * package).
 */
const GithubPackage = whenUsed(() =>
  z.object({
    namespace: z.string(),
    name: z.string(),
    package_version: z
      .object({
        version: z.string().nullish(),
        name: z.string().nullish(),
        package_url: z.string().nullish(),
        container_metadata: z
          .object({ tag: z.object({ name: z.string().nullish(), digest: z.string().nullish() }).nullish() })
          .nullish(),
      })
      .nullish(),
  }),
)
const GithubEvent = whenUsed(() =>
  z.object({
    action: z.string(),
    package: GithubPackage.optional(),
    registry_package: GithubPackage.optional(),
  }),
)

/** Whether an event of a forge is about a package; others are ignored unread. */
export const isPackageEvent = (event: string) => event === 'package' || event === 'registry_package'

/** @param event `X-GitHub-Event` */
export function readGithubEvent(event: string, body: unknown): Reading {
  if (!isPackageEvent(event)) return ignored(`events of the type ${event}`)
  const parsed = GithubEvent.safeParse(body)
  if (!parsed.success) return ignored('a package event of an unknown shape')
  const { action } = parsed.data
  if (action !== 'published' && action !== 'updated') return ignored(`the action ${action}`)
  const one = parsed.data.registry_package ?? parsed.data.package
  const version = one?.package_version
  const tag = version?.container_metadata?.tag
  if (one === undefined || version == null || version.container_metadata == null)
    return ignored('a package that is no container')
  if (!tag?.name) return ignored('a manifest without a tag')
  const digest = [version.version, version.name, tag.digest].find((text) => DIGEST.test(text ?? ''))
  if (digest == null) return ignored('an image without a digest')
  const url = version.package_url?.replace(/:[^/:]*$/, '') ?? `ghcr.io/${one.namespace}/${one.name}`
  return { published: { repository: url.toLowerCase(), tag: tag.name, digest, version: digest } }
}

/**
 * Gitea reports a container like any package: `version` is the pushed tag, or the digest of a manifest that was
 * pushed without a tag. It does not report the digest of a tag. `id` is that of the version; a push under the same
 * tag creates a new version. Only `html_url` names the registry (go-gitea/gitea: modules/structs/package.go,
 * services/convert/package.go, routers/api/packages/container/manifest.go).
 */
const GiteaEvent = whenUsed(() =>
  z.object({
    action: z.string(),
    package: z.object({
      id: z.int(),
      type: z.string(),
      name: z.string(),
      version: z.string(),
      html_url: z.url(),
      created_at: boundedText().max(50),
      owner: z.object({ login: z.string() }),
    }),
  }),
)

/** @param event `X-Gitea-Event` */
export function readGiteaEvent(event: string, body: unknown): Reading {
  if (event !== 'package') return ignored(`events of the type ${event}`)
  const parsed = GiteaEvent.safeParse(body)
  if (!parsed.success) return ignored('a package event of an unknown shape')
  const { action, package: one } = parsed.data
  if (action !== 'created') return ignored(`the action ${action}`)
  if (one.type !== 'container') return ignored('a package that is no container')
  if (one.version.startsWith('sha256:')) return ignored('a manifest without a tag')
  const repository = `${new URL(one.html_url).host}/${one.owner.login}/${one.name}`.toLowerCase()
  return {
    published: { repository, tag: one.version, digest: null, version: `gitea:${one.id}:${one.created_at}` },
  }
}
