// The Worker's own client of Neon's SQL over HTTP does what Neon's package does: the same statements, through the same bridge.
import { neon as packaged, neonConfig as packagedConfig } from '@neondatabase/serverless'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { neon, neonConfig } from '../../functions/worker/neon.ts'
import { createPostgresDatabase } from '../support/database.ts'
import { startNeonBridge } from '../support/neon-bridge.ts'

const endpointByDefault = neonConfig.fetchEndpoint

let bridge: Awaited<ReturnType<typeof startNeonBridge>>
let url: string
beforeAll(async () => {
  bridge = await startNeonBridge()
  url = await createPostgresDatabase()
})
afterAll(() => bridge.close())

type Outcome = { rows?: unknown; rowCount?: unknown; command?: unknown; error?: unknown }

const shown = (error: unknown) => ({
  ...(error as object),
  message: (error as Error).message,
  name: (error as Error).name,
})

/** What both clients say. */
async function ask(
  text: string,
  params: (string | number | bigint | boolean | object | null)[],
  arrayMode: boolean,
): Promise<[Outcome, Outcome]> {
  packagedConfig.fetchEndpoint = () => bridge.endpoint
  neonConfig.fetchEndpoint = () => bridge.endpoint
  const outcome = async (query: Promise<Outcome>): Promise<Outcome> => {
    try {
      const { command, rowCount, rows } = await query
      return { command, rowCount, rows }
    } catch (error) {
      return { error: shown(error) }
    }
  }
  const options = { arrayMode, fullResults: true } as const
  return [
    await outcome(neon(url).query(text, params, options)),
    await outcome(packaged(url).query(text, params, options) as Promise<Outcome>),
  ]
}

test.each([true, false])(
  'values of every type are read as by the package, rows as arrays: %s',
  async (arrays) => {
    const [ours, theirs] = await ask(
      `select 1::int2 as a, -2::int4 as b, 9007199254740993::int8 as c, 1.5::float4 as d, 2.25::float8 as e, 3.10::numeric as f,
      true as g, false as h, null::int as i, 'text'::text as j, '{"k": [1, null]}'::jsonb as k, '"s"'::json as l,
      array['x', null, 'a"b\\c', 'd,e', ''] as m, array[1, 2] as n, array[true, false] as o, array[array[1], array[2]] as p,
      '6f1c1b2e-0000-4000-8000-000000000001'::uuid as q, array['{"r": 1}'::jsonb] as r, '{}'::text[] as s,
      array[9007199254740993::int8] as t, 1.5::float8 / 3 as u, 'NaN'::float8 as v, '-Infinity'::float8 as w, 12::oid as x`,
      [],
      arrays,
    )
    expect(ours).toEqual(theirs)
    expect(ours.rowCount).toBe(1)
  },
)

test('parameters reach the database as with the package', async () => {
  const [ours, theirs] = await ask(
    `select $1::text as a, $2::int as b, $3::boolean as c, $4::jsonb as d, $5::text[] as e, $6::timestamptz = $7::timestamptz as f,
      $8::text as g, $9::int[] as h, $10::int8 as i, $11::jsonb[] as j`,
    [
      `it's "quoted" \\ $1`,
      7,
      true,
      { k: [1, 'two', null] },
      ['plain', 'a"b', 'c\\d', '', null],
      new Date('2026-11-29T12:00:00.123Z'),
      '2026-11-29T12:00:00.123Z',
      null,
      [[1], [2]],
      9_007_199_254_740_993n,
      [{ l: 1 }],
    ],
    false,
  )
  expect(ours).toEqual(theirs)
  expect(ours.rows).toEqual([
    {
      a: `it's "quoted" \\ $1`,
      b: 7,
      c: true,
      d: { k: [1, 'two', null] },
      e: ['plain', 'a"b', 'c\\d', '', null],
      f: true,
      g: null,
      h: [[1], [2]],
      i: '9007199254740993',
      j: [{ l: 1 }],
    },
  ])
})

test.each(['select * from nowhere', 'select 1 / 0', 'selec'])(
  'the error of %s is that of the package',
  async (statement) => {
    const [ours, theirs] = await ask(statement, [], true)
    expect(ours.error).toMatchObject({ name: 'NeonDbError', code: expect.stringMatching(/^[0-9A-Z]{5}$/) })
    expect(ours).toEqual(theirs)
  },
)

test('a statement that gets no answer fails with its cause, and one that Neon cannot run with the status', async () => {
  for (const refuse of [
    () => Promise.reject(new TypeError('fetch failed')),
    () => Promise.resolve(new Response('busy', { status: 503 })),
  ]) {
    packagedConfig.fetchFunction = refuse
    neonConfig.fetchFunction = refuse
    const [ours, theirs] = await ask('select 1', [], true)
    expect(ours.error).toBeDefined()
    expect(ours).toEqual(theirs)
  }
  packagedConfig.fetchFunction = undefined
  neonConfig.fetchFunction = (at, init) => fetch(at, init)
})

test('statements go to the API host of the database', () => {
  // As the package decides (src/shims/net in https://github.com/neondatabase/serverless).
  expect(endpointByDefault('ep-cool-1.us-east-2.aws.neon.tech')).toBe(
    'https://api.us-east-2.aws.neon.tech/sql',
  )
})
