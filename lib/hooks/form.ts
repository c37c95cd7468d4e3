// Form-encoded bodies, which GitHub, Gitea and Slack's commands can send.

export const isForm = (contentType: string | undefined): boolean =>
  contentType !== undefined && /^application\/x-www-form-urlencoded\b/i.test(contentType)

const fieldsOf = (body: Uint8Array) => new URLSearchParams(new TextDecoder().decode(body))

/** The first field with this name. */
export const formField = (body: Uint8Array, name: string): string | undefined =>
  fieldsOf(body).get(name) ?? undefined

/** All fields by name; the first of each name. */
export function formFields(body: Uint8Array): Record<string, string> {
  const fields = new Map<string, string>()
  for (const [name, value] of fieldsOf(body)) if (!fields.has(name)) fields.set(name, value)
  return Object.fromEntries(fields)
}
