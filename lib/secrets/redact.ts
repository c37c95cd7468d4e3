// Removes secrets from text that comes out of a machine, such as the lines of its log: the values that the workspace
// has, in the forms in which programs print them, and whatever has the form of a token.
import type { Context } from '../config/context.ts'
import { encodeBase64 } from '../platform/encoding.ts'
import { readSecrets } from './read-secrets.ts'

export type Redact = (text: string) => string

/** Shorter values occur in ordinary text. */
const SECRET_LENGTH = 6

const REDACTED = '[secret]'

/**
 * Tokens of this control plane and secrets of the proxy are 43 characters of base64url (lib/auth/token.ts), with a prefix
 * in the case of API tokens. The others are macaroons of Fly (docs/facts/fly.md §1.2).
 */
const TOKEN =
  /(?<![A-Za-z0-9_-])(?:mol_)?[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])|\b(?:fm1r_|fm1a_|fm2_)[A-Za-z0-9+/=_-]+/g

/** Base64 that is long enough to contain a token, as in a header of Basic authentication. */
const BASE64 = /[A-Za-z0-9+/]{56,}={0,2}/g

function withoutEncodedToken(word: string): string {
  try {
    return atob(word).search(TOKEN) === -1 ? word : REDACTED
  } catch {
    return word
  }
}

/** Log lines have one line of a secret at a time, so a value of several lines counts as several values. */
const formsOf = (value: string): string[] =>
  value.split(/\r?\n/).flatMap((line) => {
    const bytes = new TextEncoder().encode(line)
    return line.trim().length < SECRET_LENGTH
      ? []
      : [line, line.trim(), encodeURIComponent(line), encodeBase64(bytes), JSON.stringify(line).slice(1, -1)]
  })

function redactorOf(secrets: Iterable<string>): Redact {
  const whole = [...secrets]
  const forms = [...new Set([...whole.flatMap(formsOf), ...whole.map((value) => encodeURIComponent(value))])]
    .filter((form) => form.length >= SECRET_LENGTH)
    // A value that contains another one goes first, so that nothing of it remains.
    .toSorted((a, b) => b.length - a.length)
  return (text) =>
    forms
      .reduce((redacted, form) => redacted.replaceAll(form, REDACTED), text)
      .replaceAll(TOKEN, REDACTED)
      .replaceAll(BASE64, withoutEncodedToken)
}

/** A function that removes the secrets of a workspace. @throws SecretsUnreadable */
export async function loadRedactor(services: Context, workspaceId: string): Promise<Redact> {
  const values = await readSecrets(services, workspaceId)
  return redactorOf([...Object.values(values), services.config.fly.token, ...services.config.adminTokens])
}
