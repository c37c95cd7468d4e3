// The machine config as a client may send it (docs/facts/fly.md §4). Fields that the emulator acts on are checked. All
// other fields are stored unchanged, because Fly returns what it was sent.

import { z } from 'zod'
import { parseDuration } from './duration.ts'
import { FlyError, notEmulated } from '../shared/fly-error.ts'
import { resolveGuest } from './guest-size.ts'
import type { GuestSize } from './guest-size.ts'

const duration = z.union([z.string(), z.number()]).refine((value) => parseDuration(value) !== undefined, {
  message: 'invalid duration',
})
const header = z.looseObject({ name: z.string(), values: z.array(z.string()) })
const check = z.looseObject({
  type: z.string().optional(),
  port: z.int().optional(),
  interval: duration.optional(),
  timeout: duration.optional(),
  grace_period: duration.optional(),
  method: z.string().optional(),
  path: z.string().optional(),
  headers: z.array(header).optional(),
  kind: z.string().optional(),
})
const port = z.looseObject({
  port: z.int().optional(),
  start_port: z.int().optional(),
  end_port: z.int().optional(),
  handlers: z.array(z.string()).optional(),
  force_https: z.boolean().optional(),
  http_options: z
    .looseObject({
      idle_timeout: z.number().optional(),
      response: z
        .looseObject({
          pristine: z.boolean().optional(),
          headers: z.record(z.string(), z.unknown()).optional(),
        })
        .optional(),
    })
    .optional(),
})
const service = z.looseObject({
  protocol: z.string().optional(),
  internal_port: z.int(),
  ports: z.array(port).optional(),
  autostart: z.boolean().optional(),
  autostop: z.union([z.boolean(), z.enum(['off', 'stop', 'suspend'])]).optional(),
  min_machines_running: z.int().optional(),
  concurrency: z
    .looseObject({
      type: z.string().optional(),
      soft_limit: z.int().optional(),
      hard_limit: z.int().optional(),
    })
    .optional(),
  checks: z.array(check).optional(),
})
const stringMap = z.record(z.string(), z.string())
const config = z.looseObject({
  image: z.string({ error: 'config.image is required' }).min(1, 'config.image is required'),
  env: stringMap.optional(),
  metadata: stringMap.optional(),
  guest: z
    .looseObject({ cpu_kind: z.string().optional(), cpus: z.int().optional(), memory_mb: z.int().optional() })
    .optional(),
  size: z.string().optional(),
  init: z.looseObject({ swap_size_mb: z.int().optional() }).optional(),
  files: z
    .array(
      z.looseObject({
        guest_path: z.string().min(1),
        raw_value: z.base64().optional(),
        secret_name: z.string().optional(),
      }),
    )
    .optional(),
  processes: z
    .array(
      z.looseObject({
        env: stringMap.optional(),
        ignore_app_secrets: z.boolean().optional(),
        secrets: z
          .array(z.looseObject({ env_var: z.string().min(1), name: z.string().optional() }))
          .optional(),
      }),
    )
    .optional(),
  services: z.array(service).optional(),
  checks: z.record(z.string(), check).optional(),
  restart: z
    .looseObject({
      policy: z.enum(['no', 'always', 'on-failure']).optional(),
      max_retries: z.int().optional(),
    })
    .optional(),
  auto_destroy: z.boolean().optional(),
  stop_config: z.looseObject({ signal: z.string().optional(), timeout: duration.optional() }).optional(),
  mounts: z
    .array(
      z.looseObject({
        volume: z.string({ error: 'volume is required' }).min(1, 'volume is required'),
        path: z.string({ error: 'path is required' }).regex(/^\/./, 'path must be absolute and not /'),
      }),
    )
    .max(1, 'a machine can mount one volume')
    .optional(),
  rootfs: z.looseObject({ persist: z.enum(['never', 'always', 'restart']).optional() }).optional(),
  schedule: z.string().optional(),
  disable_machine_autostart: z.boolean().optional(),
})

export type MachineConfig = z.infer<typeof config> & { guest: GuestSize }
export type Service = z.infer<typeof service>
export type ServicePort = z.infer<typeof port>
export type Check = z.infer<typeof check>

/** Config fields that cannot be ignored without changing what a program sees. They are refused. */
const REFUSED: Record<string, string> = {
  containers: 'containers (config.containers)',
  standbys: 'standby machines (config.standbys)',
}

/**
 * A checked copy of the config, with the defaults of `guest`.
 * @throws FlyError 400 for what Fly's decoder or validation refuses, 501 for what the emulator does not have
 */
export function parseMachineConfig(value: unknown): MachineConfig {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new FlyError(400, 'invalid_argument: config is required')
  }
  const parsed = config.safeParse(withoutNulls(value))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    const path = ['config', ...(issue?.path ?? [])].join('.')
    throw new FlyError(400, `invalid_argument: ${path}: ${issue?.message ?? 'invalid'}`)
  }
  for (const [field, what] of Object.entries(REFUSED)) {
    const given = parsed.data[field]
    if (Array.isArray(given) && given.length > 0) throw notEmulated(what)
  }
  for (const file of parsed.data.files ?? []) {
    if (file.raw_value === undefined && file.secret_name === undefined)
      throw notEmulated('files from images, only raw_value and secret_name')
  }
  if ((parsed.data.processes ?? []).length > 1) throw notEmulated('more than one process in a machine')
  const { guest, size, ...rest } = parsed.data
  return {
    ...rest,
    guest: resolveGuest(definedOnly(guest), size),
    services: rest.services?.map(normalService),
  }
}

/** Fly returns booleans for `off` and `stop`, and a string only for `suspend` (docs/facts/fly.md §4.3). */
function normalService(given: Service): Service {
  if (given.autostop === undefined || given.autostop === 'suspend') return given
  return { ...given, autostop: given.autostop === true || given.autostop === 'stop' }
}

const definedOnly = (guest: z.infer<typeof config>['guest']): Partial<GuestSize> | undefined =>
  guest === undefined
    ? undefined
    : Object.fromEntries(Object.entries(guest).filter(([, value]) => value !== undefined))

/** Go decodes `null` as absent. Only `force_instance_key: null` is kept, because clients send it and expect it back. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, item]) => item !== null || key === 'force_instance_key')
      .map(([key, item]) => [key, withoutNulls(item)]),
  )
}

/**
 * How long the root filesystem is kept: `never` until the next cold boot, `restart` until an update, `always` until the
 * machine is destroyed (docs/facts/fly.md §4.2). `guest.persist_rootfs` is the older place of the setting.
 */
export function rootPersistence({ rootfs, guest }: MachineConfig): 'never' | 'restart' | 'always' {
  const persist = rootfs?.persist ?? guest['persist_rootfs']
  return persist === 'restart' || persist === 'always' ? persist : 'never'
}

/**
 * Whether Fly can suspend this machine: no swap and no schedule. Above 2 GB it is only discouraged (docs/facts/fly.md
 * §4.5).
 */
export const canSuspend = (given: MachineConfig): boolean =>
  (given.init?.swap_size_mb ?? 0) === 0 && given.schedule === undefined
