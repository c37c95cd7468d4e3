// An app's secrets and their versions (docs/facts/fly.md §2.8). Hosts may get a new version late, so earlier versions
// are kept for a while.

import { toHex } from '../shared/ids.ts'
import type { AppRecord, SecretRecord, SecretsVersion } from '../store/records.ts'

/** Earlier versions kept for each app. */
const KEPT_VERSIONS = 5

export const secretsOf = (app: AppRecord | undefined): Record<string, SecretRecord> => app?.secrets ?? {}
export const secretsVersionOf = (app: AppRecord): number => app.secretsVersion ?? 0

/** Sets secrets, and removes those whose value is null. @returns the new version */
export async function changeSecrets(
  app: AppRecord,
  changes: Record<string, string | null>,
  now: number,
): Promise<number> {
  const changed: Record<string, SecretRecord | undefined> = {}
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) {
      changed[name] = undefined
      continue
    }
    const createdAt = secretsOf(app)[name]?.createdAt ?? now
    changed[name] = { value, digest: await digestOf(value), createdAt, updatedAt: now }
  }
  app.earlierSecrets = [newestVersion(app), ...(app.earlierSecrets ?? [])].slice(0, KEPT_VERSIONS)
  app.secrets = Object.fromEntries(
    Object.entries({ ...app.secrets, ...changed }).filter(
      (entry): entry is [string, SecretRecord] => entry[1] !== undefined,
    ),
  )
  app.secretsVersion = secretsVersionOf(app) + 1
  app.secretsChangedAt = now
  return app.secretsVersion
}

const newestVersion = (app: AppRecord): SecretsVersion => ({
  version: secretsVersionOf(app),
  secrets: secretsOf(app),
  changedAt: app.secretsChangedAt ?? 0,
})

/**
 * The newest version that the hosts have.
 * @param lagMs how long a change takes to reach them
 */
export function availableSecrets(app: AppRecord, now: number, lagMs: number): SecretsVersion {
  const newest = newestVersion(app)
  if (lagMs === 0) return newest
  const arrived = [newest, ...(app.earlierSecrets ?? [])].find(({ changedAt }) => changedAt <= now - lagMs)
  return arrived ?? { version: 0, secrets: {}, changedAt: 0 }
}

/** Tells values apart without revealing them. How Fly computes its digest is not known. */
async function digestOf(value: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(value))
  return toHex(new Uint8Array(hash).subarray(0, 8))
}
