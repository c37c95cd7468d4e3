// The GraphQL queries that flyctl and fly-go send.

import { expect, test } from 'vitest'
import { startFly } from '../support/emulator.ts'
import type { Fly, Json } from '../support/emulator.ts'

const ask = async (fly: Fly, query: string, variables: Json = {}, headers: Record<string, string> = {}) =>
  (await fly.call('POST', '/graphql', { query, variables }, headers)).body

const APP_ID = 'query($appName: String!){ app(name: $appName){ id } }'

test('GraphQL answers the selected fields under their aliases, at every depth', async () => {
  const fly = await startFly()
  const query = `query($appName: String!) {
    # comments and commas are allowed
    appbasic: app(name: $appName) { id, title: name organization { slug } postgresAppRole: role { name } }
  }`
  expect(await ask(fly, query, { appName: 'demo' })).toEqual({
    data: {
      appbasic: { id: 'demo', title: 'demo', organization: { slug: 'personal' }, postgresAppRole: null },
    },
  })
})

test('GraphQL answers apps, a machine and organizations', async () => {
  const fly = await startFly()
  const { id } = await fly.create()
  const query = `query Overview($id: String!, $after: String, $admin: Boolean = false) {
    apps(type: "container", first: 200, after: $after) { pageInfo { hasNextPage } nodes { name platformVersion } }
    gqlmachine: machine(machineId: $id) { id app { name organization { id slug } } }
    organization(slug: "personal") { rawSlug addOns(type: tigris) { nodes { id } } }
    organizations(admin: $admin) { nodes { slug type } }
  }`
  expect((await ask(fly, query, { id })).data).toEqual({
    apps: { pageInfo: { hasNextPage: false }, nodes: [{ name: 'demo', platformVersion: 'machines' }] },
    gqlmachine: { id, app: { name: 'demo', organization: { id: 'personal', slug: 'personal' } } },
    organization: { rawSlug: 'personal', addOns: { nodes: [] } },
    organizations: { nodes: [{ slug: 'personal', type: 'PERSONAL' }] },
  })
})

test('GraphQL applies fragments to the objects of their type only', async () => {
  const fly = await startFly()
  const query = `query GetApp($name: String!) { app(name: $name) { ...AppData } viewer { ... on User { id } ... on Macaroon { email } } }
    fragment AppData on App { name organization { ...OrganizationData } }
    fragment OrganizationData on Organization { slug }`
  expect((await ask(fly, query, { name: 'demo' })).data).toEqual({
    app: { name: 'demo', organization: { slug: 'personal' } },
    viewer: { email: expect.stringMatching(/@tokens\.fly\.io$/) },
  })
})

test('GraphQL answers an unknown app with an error instead of null', async () => {
  const fly = await startFly()
  const reply = await ask(fly, APP_ID, { appName: 'nope' })
  expect(reply).toEqual({
    errors: [{ message: 'Could not find App "nope"', extensions: { code: 'NOT_FOUND' } }],
  })
})

test('GraphQL names a field that the emulator does not have', async () => {
  const fly = await startFly()
  const reply = await ask(fly, 'query($n: String!){ app(name: $n){ certificates { nodes { id } } } }', {
    n: 'demo',
  })
  expect(reply.errors[0].message).toBe('the emulator has no GraphQL field app.certificates')
  const { errors } = await ask(fly, 'mutation($input: X!){ moveApp(input: $input){ app { id } } }')
  expect(errors[0].message).toBe('the emulator has no GraphQL field moveApp')
})

test.each([
  '',
  '{',
  'query { app(name: } }',
  'subscription { app }',
  'query { ...Missing }',
  '{ a } { b }',
  '%',
])('GraphQL answers the malformed query %j with an error', async (query) => {
  const fly = await startFly()
  const reply = await fly.call('POST', '/graphql', { query })
  expect(reply.status).toBe(200)
  expect(reply.body.errors[0].message).toEqual(expect.any(String))
})

test('GraphQL lists the shared address of an app apart from its other addresses', async () => {
  const fly = await startFly()
  const query =
    'query($n: String!){ app(name: $n){ ipAddresses { nodes { type address } } sharedIpAddress egressIpAddresses { nodes { ip } } } }'
  const { app } = (await ask(fly, query, { n: 'demo' })).data
  expect(app.ipAddresses.nodes).toMatchObject([{ type: 'v6' }])
  expect(app.sharedIpAddress).toBe('66.241.124.1')
})

test('GraphQL allocates and releases IP addresses', async () => {
  const fly = await startFly()
  const allocate =
    'mutation($input: A!){ allocateIpAddress(input: $input){ ipAddress { address type region } } }'
  const { ipAddress } = (await ask(fly, allocate, { input: { appId: 'demo', type: 'v4', region: '' } })).data
    .allocateIpAddress
  expect(ipAddress).toMatchObject({ type: 'v4', region: 'global' })
  const release = 'mutation($input: A!){ releaseIpAddress(input: $input){ clientMutationId } }'
  const input = { appId: 'demo', ip: ipAddress.address }
  expect(await ask(fly, release, { input })).toEqual({
    data: { releaseIpAddress: { clientMutationId: null } },
  })
  expect((await ask(fly, release, { input })).errors[0].message).toBe('Could not find IPAddress')
})

test('GraphQL resolves an image that can be pulled, and answers null for another', async () => {
  const fly = await startFly()
  const query =
    'query($n: String!, $ref: String!){ app(name: $n){ image(ref: $ref){ id digest ref compressedSize: compressedSizeFull } } }'
  expect((await ask(fly, query, { n: 'demo', ref: 'web:2' })).data.app.image).toMatchObject({
    ref: 'web:2',
    digest: expect.stringMatching(/^sha256:/),
    compressedSize: '0',
  })
  expect((await ask(fly, query, { n: 'demo', ref: 'absent' })).data.app.image).toBeNull()
})

test('GraphQL answers latestImageDetails with "Unknown repository", which flyctl skips', async () => {
  const fly = await startFly()
  const { errors } = await ask(fly, 'query($image: String!){ latestImageDetails(image: $image){ tag } }', {
    image: 'library/web:latest',
  })
  expect(errors[0].message).toBe('Unknown repository library/web:latest')
})

test('GraphQL creates a deploy token, which sees its own app only', async () => {
  const fly = await startFly({ tokens: ['test'] })
  fly.emulator.createApp('other')
  const create =
    'mutation($p: JSON){ createLimitedAccessToken(input: {name: "ci", profile: "deploy", profileParams: $p}){ limitedAccessToken { tokenHeader } } }'
  const { createLimitedAccessToken } = (await ask(fly, create, { p: { app_id: 'demo' } })).data
  const authorization: string = createLimitedAccessToken.limitedAccessToken.tokenHeader
  expect(authorization).toMatch(/^FlyV1 fm2_/)
  const asDeployer = (appName: string) => ask(fly, APP_ID, { appName }, { authorization })
  expect((await asDeployer('demo')).data.app.id).toBe('demo')
  expect((await asDeployer('other')).errors[0].message).toBe('Could not find App "other"')
  const { apps } = (await ask(fly, '{ apps { nodes { name } } }', {}, { authorization })).data
  expect(apps.nodes).toEqual([{ name: 'demo' }])
})
