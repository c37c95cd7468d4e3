// Form-encoded bodies: GitHub's and Gitea's older content type, and Slack's commands.

export const isForm = (contentType: string | undefined): boolean =>
  contentType !== undefined && /^application\/x-www-form-urlencoded\b/i.test(contentType)

const fieldsOf = (body: Uint8Array) => new URLSearchParams(new TextDecoder().decode(body))

/** The first field of that name; undefined when there is none. */
export const formField = (body: Uint8Array, name: string): string | undefined =>
  fieldsOf(body).get(name) ?? undefined

/** All fields by name, the first of each. */
export function formFields(body: Uint8Array): Record<string, string> {
  const fields = new Map<string, string>()
  for (const [name, value] of fieldsOf(body)) if (!fields.has(name)) fields.set(name, value)
  return Object.fromEntries(fields)
}
