// Fly's regions. A region that is not listed here is refused before Fly is called.

/** As of June 2026 (docs/facts/fly.md §2.8). */
export const FLY_REGIONS = [
  'ams',
  'arn',
  'bom',
  'cdg',
  'dfw',
  'ewr',
  'fra',
  'gru',
  'iad',
  'jnb',
  'lax',
  'lhr',
  'nrt',
  'ord',
  'sin',
  'sjc',
  'syd',
  'yyz',
] as const
