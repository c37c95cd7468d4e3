// From the form to the request that creates a workspace. Pure. What is empty is left to the server.
import type { CreateWorkspace } from '../../client/client.ts'
import { formText } from '../ui/form-text.ts'
import { usd } from '../ui/format.ts'
import type { Prices } from './price.ts'

/** Such as "2 CPUs, 2 GB, $13.38 a month". */
export function describeTier(tier: Prices['tiers'][number]): string {
  const { cpus, memory_mb: memoryMb, running_usd_per_month: price } = tier
  const memory = memoryMb < 1024 ? `${memoryMb} MB` : `${memoryMb / 1024} GB`
  return [
    `${cpus} CPU${cpus === 1 ? '' : 's'}`,
    memory,
    ...(price === null ? [] : [`${usd(price)} a month`]),
  ].join(', ')
}

/** @param from the workspace whose disk is copied */
export function readForm(form: FormData, from: string | undefined): CreateWorkspace {
  const text = (name: string) => formText(form, name)
  const member = <Value>(name: string, value: (text: string) => Value) =>
    text(name) === '' ? {} : { [name]: value(text(name)) }
  return {
    name: text('name'),
    ...member('role', String),
    ...member('runtime', String),
    ...member('tier', Number),
    ...member('region', String),
    ...member('parent_id', String),
    ...member('model', String),
    ...member('image', String),
    ...member('disk_gb', Number),
    ...member('idle_minutes', Number),
    ...member('labels', pairs),
    ...member('env', pairs),
    ...member('secrets', pairs),
    ...(from === undefined ? {} : { from: { workspace: from } }),
  }
}

/** Lines of `NAME=value`. A line without `=` is a name with an empty value, which the server refuses where it has to. */
export const pairs = (text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .map((line) => {
        const at = line.indexOf('=')
        return at < 0 ? [line, ''] : [line.slice(0, at).trim(), line.slice(at + 1)]
      }),
  )

/** The same on the command line; undefined where it has no option for it. */
export function cliOfInput(input: CreateWorkspace): string[] | undefined {
  if (input.from != null || input.disk_gb != null || input.idle_minutes != null) return undefined
  const option = (name: string, value: string | number | null | undefined) =>
    value == null ? [] : [`--${name}`, String(value)]
  const options = (name: string, values: Readonly<Record<string, string>> | null | undefined) =>
    Object.entries(values ?? {}).flatMap(([key, value]) => [`--${name}`, `${key}=${value}`])
  return [
    'create',
    input.name,
    ...option('runtime', input.runtime),
    ...option('tier', input.tier),
    ...option('region', input.region),
    ...option('model', input.model),
    ...option('role', input.role),
    ...option('image', input.image),
    ...option('parent', input.parent_id),
    ...options('label', input.labels),
    ...options('env', input.env),
    // A name alone takes the value from the environment.
    ...Object.keys(input.secrets ?? {}).flatMap((key) => ['--secret', key]),
  ]
}
