// The fields of a form as texts.

/** What was entered in a field, without spaces around it. A file has none. */
export function formText(form: FormData, name: string): string {
  const value = form.get(name)
  return typeof value === 'string' ? value.trim() : ''
}
