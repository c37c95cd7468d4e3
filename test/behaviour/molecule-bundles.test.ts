// MOLECULE_COMPAT: files, bundles, agents and their messages, as Molecule's canvas and command line ask for them
// (docs/facts/molecule.md §8.1, §8.2).
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
let id: string
beforeAll(async () => {
  const key = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='
  h = await createHarness({ env: { MOLECULE_COMPAT: 'true', SECRETS_ENCRYPTION_KEY: key } })
  ;({ id } = await h.createWorkspace({ name: 'Echo Agent' }))
})
afterAll(() => h.close())

const get = async <Body = Json>(path: string) => (await h.request<Body>(path)).body
const post = (path: string, json: unknown) => h.request(path, { method: 'POST', json })
const at = (path: string) => `/workspaces/${id}/${path}`

test('files of the machine are listed, written, read and removed by a path below a root', async () => {
  const file = at('files/notes/today.txt?root=/workspace')
  const saved = await h.request(file, { method: 'PUT', json: { content: 'tea at four' } })
  expect(saved.body).toEqual({ status: 'saved', path: 'notes/today.txt' })
  expect((await get(file))['content']).toBe('tea at four')
  expect(await get(at('files?root=/workspace&path=notes&depth=1'))).toEqual([
    { path: 'today.txt', size: 11, dir: false },
  ])
  expect(await get(at('files?root=/workspace&depth=1'))).toMatchObject([{ path: 'notes', dir: true }])
  expect((await h.request(file, { method: 'DELETE' })).body).toEqual({
    status: 'deleted',
    path: 'notes/today.txt',
  })
  expect((await h.request(file)).status).toBe(404)
  // This API's own route has an absolute path.
  expect((await h.request(at('files?path=/workspace/notes'))).body).toEqual({ entries: [] })
})

test('files of a chat are uploaded into the machine, and downloaded from it byte for byte', async () => {
  const bytes = Uint8Array.from({ length: 3_000 }, (_, index) => index % 256)
  const upload = (...files: File[]) => {
    const body = new FormData()
    for (const file of files) body.append('files', file)
    return h.request<{ files: { uri: string }[] }>(at('chat/uploads'), { method: 'POST', body })
  }
  const { body, status } = await upload(
    new File([bytes], '../a picture.png', { type: 'image/png' }),
    new File(['notes'], 'notes.txt', { type: 'text/plain' }),
  )
  expect([status, body]).toMatchObject([
    200,
    {
      files: [
        { name: 'a_picture.png', mimeType: 'image/png', size: 3_000 },
        { name: 'notes.txt', mimeType: expect.stringContaining('text/plain') as string, size: 5 },
      ],
    },
  ])
  const path = (body.files[0]?.uri ?? '').replace('workspace:', '')
  expect(path).toMatch(/^\/workspace\/\.molecule\/chat-uploads\/[\w-]+-a_picture\.png$/)
  const download = (file: string) => h.fetchRaw(at(`chat/download?path=${encodeURIComponent(file)}`))
  const downloaded = await download(path)
  expect([downloaded.status, downloaded.headers.get('content-disposition')]).toEqual([
    200,
    expect.stringContaining('attachment'),
  ])
  expect(new Uint8Array(await downloaded.arrayBuffer())).toEqual(bytes)
  expect((await upload()).status).toBe(400)
  expect((await download('/etc/passwd')).status).toBe(400)
  expect((await download('/workspace/../etc/passwd')).status).toBe(400)
})

test('an agent adds files to its own chat with its token, and reaches no other file', async () => {
  const admin = { authorization: 'Bearer the-administrators-own-token-0001' }
  const closed = await createHarness({
    env: { MOLECULE_COMPAT: 'true', ADMIN_TOKEN: 'the-administrators-own-token-0001' },
  })
  try {
    const make = async (name: string) =>
      String(
        (
          await closed.request('/workspaces', {
            method: 'POST',
            headers: { ...admin, prefer: 'wait=20' },
            json: { name },
          })
        ).body['id'],
      )
    const own = await make('own')
    const other = await make('other')
    const headers = { authorization: `Bearer ${await closed.tokenOf(own)}` }
    const upload = (workspace: string, using: Record<string, string>) => {
      const body = new FormData()
      body.append('files', new File(['made by the agent'], 'report.txt', { type: 'text/plain' }))
      const path = `/workspaces/${workspace}/chat/uploads`
      return closed.request<{ files: { uri: string }[] }>(path, { method: 'POST', headers: using, body })
    }
    const { body, status } = await upload(own, headers)
    expect([status, body.files]).toMatchObject([200, [{ name: 'report.txt', size: 17 }]])
    const path = encodeURIComponent((body.files[0]?.uri ?? '').replace('workspace:', ''))
    const download = `/workspaces/${own}/chat/download?path=${path}`
    expect(await (await closed.fetchRaw(download, { headers: admin })).text()).toBe('made by the agent')
    expect((await closed.request(download, { headers })).status).toBe(403)
    expect((await upload(other, headers)).status).toBe(404)
    const json = { name: 'operator', scopes: ['operate'] }
    const operator = await closed.request('/tokens', { method: 'POST', headers: admin, json })
    const limited = { authorization: `Bearer ${String(operator.body['token'])}` }
    expect((await upload(own, limited)).status).toBe(403)
  } finally {
    await closed.close()
  }
})

test('a bundle has a workspace with its descendants and no secret, and others are created from it', async () => {
  const parent = await h.createWorkspace({
    name: 'PM',
    secrets: { API_KEY: 'do-not-export' },
    config: { prompt_files: ['a.md'] },
  })
  await h.createWorkspace({ name: 'Dev', parent_id: parent.id, tier: 3 })
  const bundle = await get(`/bundles/export/${parent.id}`)
  expect(bundle).toMatchObject({
    name: 'PM',
    tier: 2,
    runtime: 'hermes',
    config: { prompt_files: ['a.md'] },
    sub_workspaces: [{ name: 'Dev', tier: 3 }],
  })
  expect(JSON.stringify(bundle)).not.toContain('do-not-export')
  const imported = await post('/bundles/import', bundle)
  expect([imported.status, imported.body]).toMatchObject([201, { name: 'PM', status: 'provisioning' }])
  const copy = String(imported.body['workspace_id'])
  expect(copy).not.toBe(parent.id)
  expect(await get(`/workspaces/${copy}`)).toMatchObject({
    name: 'PM',
    runtime: 'hermes',
    config: { prompt_files: ['a.md'] },
  })
  expect(await get<Json[]>(`/workspaces?parent_id=${copy}`)).toMatchObject([{ name: 'Dev' }])
  expect((await post('/bundles/import', { name: 'x', sub_workspaces: [{ tier: 2 }] })).status).toBe(400)
  const half = await post('/bundles/import', {
    name: 'half',
    sub_workspaces: [{ name: 'bad', runtime: 'unknown' }],
  })
  expect([half.status, half.body['workspaces']]).toMatchObject([400, [{ name: 'half' }]])
})

test('agents are listed as molecule-cli reads them: one for each workspace, with its id', async () => {
  const agent = { id, name: 'Echo Agent', workspace_id: id, status: 'online', runtime: 'hermes' }
  expect(await get(`/agents/${id}`)).toMatchObject({ ...agent, created_at: expect.any(String) as string })
  expect(await get(at('agents'))).toMatchObject([agent])
  expect((await get<Json[]>('/agents')).filter((one) => one['id'] === id)).toMatchObject([agent])
  expect((await h.request(`/agents/${crypto.randomUUID()}`)).status).toBe(404)
})

test('a message of molecule-cli is answered with the text of the agent, and is no A2A request without MOLECULE_COMPAT', async () => {
  const said = await post(at('a2a'), { agent_id: id, message: 'hello there' })
  expect([said.status, said.body]).toEqual([200, { result: 'Echo: hello there' }])
  const refused = await post(`/workspaces/${crypto.randomUUID()}/a2a`, { agent_id: id, message: 'hello' })
  expect([refused.status, refused.body]).toEqual([404, { error: expect.any(String) as string }])
  // Molecule's canvas sends A2A without an envelope.
  const message = { role: 'user', parts: [{ kind: 'text', text: 'hi' }] }
  const sent = await post(at('a2a'), { method: 'message/send', params: { message } })
  expect(sent.body).toMatchObject({ result: { parts: [{ text: 'Echo: hi' }] } })
  const plain = await createHarness()
  try {
    const workspace = await plain.createWorkspace()
    const json = { agent_id: workspace.id, message: 'hello there' }
    const { body } = await plain.request(`/workspaces/${workspace.id}/a2a`, { method: 'POST', json })
    expect(body).not.toHaveProperty('result')
  } finally {
    await plain.close()
  }
})

test('the state of a workspace tells an agent whether it was removed', async () => {
  const { id: own } = await h.createWorkspace({ name: 'short-lived' })
  const state = `/workspaces/${own}/state`
  const living = { workspace_id: own, status: 'online', paused: false, deleted: false }
  expect(await get(state)).toEqual(living)
  await h.request(`/workspaces/${own}`, { method: 'DELETE' })
  const removed = await h.request(state)
  expect([removed.status, removed.body]).toEqual([
    404,
    { workspace_id: own, deleted: true, status: 'removed' },
  ])
})
