// Fly's regions (docs/facts/fly.md §2.8), the aliases for several of them, and the candidates for the `region` of a
// create.

import { FlyError } from '../shared/fly-error.ts'

type Region = { name: string; latitude: number; longitude: number; geo: string }

const REGIONS: Record<string, Region> = {
  ams: { name: 'Amsterdam, Netherlands', latitude: 52.37, longitude: 4.9, geo: 'europe' },
  arn: { name: 'Stockholm, Sweden', latitude: 59.65, longitude: 17.92, geo: 'europe' },
  bom: { name: 'Mumbai, India', latitude: 19.08, longitude: 72.88, geo: 'asia_pacific' },
  cdg: { name: 'Paris, France', latitude: 48.86, longitude: 2.35, geo: 'europe' },
  dfw: { name: 'Dallas, Texas (US)', latitude: 32.78, longitude: -96.81, geo: 'north_america' },
  ewr: { name: 'Secaucus, NJ (US)', latitude: 40.79, longitude: -74.06, geo: 'north_america' },
  fra: { name: 'Frankfurt, Germany', latitude: 50.12, longitude: 8.69, geo: 'europe' },
  gru: { name: 'Sao Paulo, Brazil', latitude: -23.55, longitude: -46.63, geo: 'south_america' },
  iad: { name: 'Ashburn, Virginia (US)', latitude: 39.02, longitude: -77.54, geo: 'north_america' },
  jnb: { name: 'Johannesburg, South Africa', latitude: -26.14, longitude: 28.25, geo: 'africa' },
  lax: { name: 'Los Angeles, California (US)', latitude: 33.94, longitude: -118.41, geo: 'north_america' },
  lhr: { name: 'London, United Kingdom', latitude: 51.52, longitude: -0.6, geo: 'europe' },
  nrt: { name: 'Tokyo, Japan', latitude: 35.62, longitude: 139.75, geo: 'asia_pacific' },
  ord: { name: 'Chicago, Illinois (US)', latitude: 41.89, longitude: -87.63, geo: 'north_america' },
  sin: { name: 'Singapore, Singapore', latitude: 1.35, longitude: 103.84, geo: 'asia_pacific' },
  sjc: { name: 'San Jose, California (US)', latitude: 37.35, longitude: -121.96, geo: 'north_america' },
  syd: { name: 'Sydney, Australia', latitude: -33.87, longitude: 151.2, geo: 'asia_pacific' },
  yyz: { name: 'Toronto, Canada', latitude: 43.64, longitude: -79.4, geo: 'north_america' },
}

export const ALL_REGIONS = Object.keys(REGIONS)

const US = ['iad', 'ord', 'dfw', 'ewr', 'lax', 'sjc']
const byGeo = (geo: string): string[] => ALL_REGIONS.filter((code) => REGIONS[code]?.geo === geo)

const ALIASES: Record<string, string[]> = {
  us: US,
  na: [...US, 'yyz'],
  eu: byGeo('europe'),
  sa: byGeo('south_america'),
  apac: byGeo('asia_pacific'),
  any: ALL_REGIONS,
}

/**
 * The regions to try for a create, best first. `asked` is one code, a list ("iad,dfw") or an alias. Without it
 * Fly chooses a region near the caller; here it is the first offered one.
 * @throws FlyError 400 when a code is not one of the `offered` regions
 */
export function candidateRegions(asked: string | undefined, offered: string[]): string[] {
  if (asked === undefined || asked === '') return offered
  const codes = asked.split(',').map((code) => code.trim())
  return codes.flatMap((code) => {
    const regions = ALIASES[code]?.filter((region) => offered.includes(region)) ?? [code]
    if (!regions.some((region) => offered.includes(region))) {
      throw new FlyError(400, `invalid_argument: region ${code} not found`)
    }
    return regions
  })
}

/** A region as `GET /v1/platform/regions` lists it. */
export function describeRegion(code: string): Record<string, unknown> {
  const region = REGIONS[code]
  return {
    code,
    name: region?.name ?? code,
    latitude: region?.latitude ?? 0,
    longitude: region?.longitude ?? 0,
    gateway_available: true,
    requires_paid_plan: false,
    deprecated: false,
    geo_region: region?.geo ?? 'north_america',
    mpg_available: false,
  }
}
