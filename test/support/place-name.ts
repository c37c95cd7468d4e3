// In which place the control plane is tested: `TEST_PLACE`.

export const PLACES = {
  postgres: 'in this process, over node-postgres',
  pglite: 'in this process, over PGlite',
  workerd: 'in workerd, over the Neon driver',
  hyperdrive: 'in workerd, over node-postgres as through a Hyperdrive',
} as const

export type PlaceName = keyof typeof PLACES

export const PLACE = (process.env['TEST_PLACE'] ?? 'postgres') as PlaceName
if (!Object.hasOwn(PLACES, PLACE))
  throw new Error(`TEST_PLACE is one of ${Object.keys(PLACES).join(', ')}, and not ${PLACE}`)

export const IN_WORKERD = PLACE === 'workerd' || PLACE === 'hyperdrive'
