// The Fly client's verbs about volumes and snapshots: their requests, and the answers that need care.
import { describe, expect, test } from 'vitest'
import type { FlyClient } from '../../lib/fly/client.ts'
import { failureOf, json, refusal, scriptedClient } from './scripted-client.ts'

const V = '/v1/apps/a/volumes'
const VOLUME = { id: 'vol_1', name: 'ws_abc', state: 'created', size_gb: 1 }

describe('each verb about volumes makes its request', () => {
  const rows: [string, (fly: FlyClient) => Promise<unknown>, string, unknown, Response][] = [
    [
      'createVolume',
      (fly) =>
        fly.createVolume('a', { name: 'ws_abc', region: 'fra', size_gb: 1, source_volume_id: 'vol_0' }),
      `POST ${V}`,
      { name: 'ws_abc', region: 'fra', size_gb: 1, source_volume_id: 'vol_0' },
      json(VOLUME),
    ],
    ['getVolume', (fly) => fly.getVolume('a', 'vol_1'), `GET ${V}/vol_1`, undefined, json(VOLUME)],
    ['listVolumes', (fly) => fly.listVolumes('a'), `GET ${V}?limit=1000`, undefined, json([VOLUME])],
    ['destroyVolume', (fly) => fly.destroyVolume('a', 'vol_1'), `DELETE ${V}/vol_1`, undefined, json(VOLUME)],
    [
      'extendVolume',
      (fly) => fly.extendVolume('a', 'vol_1', 5),
      `PUT ${V}/vol_1/extend`,
      { size_gb: 5 },
      json({ volume: VOLUME, needs_restart: true }),
    ],
    [
      'listSnapshots',
      (fly) => fly.listSnapshots('a', 'vol_1'),
      `GET ${V}/vol_1/snapshots`,
      undefined,
      json([]),
    ],
    [
      'createSnapshot',
      (fly) => fly.createSnapshot('a', 'vol_1'),
      `POST ${V}/vol_1/snapshots`,
      undefined,
      new Response(null, { status: 200 }),
    ],
  ]
  test.each(rows)('%s', async (_name, call, request, body, reply) => {
    const { fly, sent } = scriptedClient([reply])
    await call(fly)
    expect(sent).toHaveLength(1)
    expect(`${sent[0]?.method} ${sent[0]?.url.replace('https://api.machines.dev', '')}`).toBe(request)
    expect(sent[0]?.body).toEqual(body)
  })
})

test('a list of volumes has all its pages', async () => {
  const { fly, sent } = scriptedClient([
    json([VOLUME], 200, { 'fly-next-cursor': 'c1' }),
    json([{ ...VOLUME, id: 'vol_2' }]),
  ])
  expect((await fly.listVolumes('a')).map(({ id }) => id)).toEqual(['vol_1', 'vol_2'])
  expect(sent[1]?.url).toContain('cursor=c1')
})

test('a create of a volume whose answer is lost is not repeated, because names are not unique', async () => {
  const { fly, sent } = scriptedClient([new TypeError('connection reset')])
  expect(await failureOf(fly.createVolume('a', { name: 'ws_abc' }))).toMatchObject({ applied: 'unknown' })
  expect(sent).toHaveLength(1)
})

test.each([
  [400, 'no capacity', 'region'],
  [412, 'volume_placement_capacity', undefined],
])('a create of a volume that is refused with %i %s creates nothing', async (status, text, scope) => {
  const { fly } = scriptedClient([refusal(status, text)])
  const failure = await failureOf(fly.createVolume('a', { name: 'ws_abc' }))
  expect(failure.applied).toBe('no')
  if (scope !== undefined)
    expect(failure).toMatchObject({ code: 'insufficient_capacity', capacityScope: scope })
})

test('deleting a volume that Fly no longer knows is a success, and reading it says that it is not found', async () => {
  const { fly } = scriptedClient([refusal(404, 'volume not found'), refusal(404, 'volume not found')])
  expect(await fly.destroyVolume('a', 'vol_1')).toEqual({ found: false })
  expect(await failureOf(fly.getVolume('a', 'vol_1'))).toMatchObject({ code: 'volume_not_found' })
})

test('a snapshot that is scheduled already counts as taken', async () => {
  const { fly } = scriptedClient([
    refusal(412, 'failed_precondition: snapshot is already scheduled at 2026-11-28T22:00:00Z'),
  ])
  await expect(fly.createSnapshot('a', 'vol_1')).resolves.toBeUndefined()
})
