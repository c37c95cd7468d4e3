// An app's secrets (fly.md §2.8): who has which value since when, and what a machine's guest gets of them at each boot.

import type { MachineConfig } from '../config/machine-config.ts'
import type { AppRecord, SecretRecord } from '../store/records.ts'

export const secretsOf = (app: AppRecord | undefined): Record<string, SecretRecord> => app?.secrets ?? {}
export const secretsVersionOf = (app: AppRecord): number => app.secretsVersion ?? 0

/** Sets and, with null, removes. @returns the new version */
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
  app.secrets = Object.fromEntries(
    Object.entries({ ...app.secrets, ...changed }).filter(
      (entry): entry is [string, SecretRecord] => entry[1] !== undefined,
    ),
  )
  app.secretsVersion = secretsVersionOf(app) + 1
  return app.secretsVersion
}

/** Tells values apart without saying them. Fly's own way of making one is not known. */
async function digestOf(value: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(value)))
  return Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * The variables that a guest gets: those its process names or, where it names none, all of the app, unless it shuts them out
 * (the OpenAPI document, fly.MachineProcess). A named one that does not exist is left out.
 */
export function secretEnv(
  config: MachineConfig,
  secrets: Record<string, SecretRecord>,
): Record<string, string> {
  const [process] = config.processes ?? []
  const named = process?.secrets ?? []
  if (named.length === 0) {
    if (process?.ignore_app_secrets === true) return {}
    return Object.fromEntries(Object.entries(secrets).map(([name, { value }]) => [name, value]))
  }
  return Object.fromEntries(
    named.flatMap(({ env_var, name }) => {
      const secret = secrets[name ?? env_var]
      return secret === undefined ? [] : [[env_var, secret.value]]
    }),
  )
}
