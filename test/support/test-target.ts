// The runtime and database that the behaviour tests run against: `TEST_TARGET`.

export const TARGETS = {
  postgres: 'in this process, over node-postgres',
  pglite: 'in this process, over PGlite',
  workerd: 'in workerd, over the Neon driver',
  hyperdrive: 'in workerd, over node-postgres and an emulated Hyperdrive',
} as const

export type TargetName = keyof typeof TARGETS

export const TARGET = (process.env['TEST_TARGET'] ?? 'postgres') as TargetName
if (!Object.hasOwn(TARGETS, TARGET))
  throw new Error(`TEST_TARGET must be one of ${Object.keys(TARGETS).join(', ')}; it is ${TARGET}`)

export const IN_WORKERD = TARGET === 'workerd' || TARGET === 'hyperdrive'
