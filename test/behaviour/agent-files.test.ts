// Files of a caller for its agent: written below /configs when the machine is created or restarted, listed by path and
// size, and never shown.
import { parse } from 'yaml'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())

const base64 = (text: string) => Buffer.from(text).toString('base64')
const OURS = ['/configs/config.yaml', '/configs/.auth_token', '/configs/.platform_inbound_secret']

/** The caller's files in the workspace's machine: their base64 by path. */
async function filesOf(id: string): Promise<Record<string, string | undefined>> {
  const { files } = (await h.machineOf(id)).config
  return Object.fromEntries(
    files
      .filter(({ guest_path }) => !OURS.includes(guest_path))
      .map((file) => [file.guest_path, file.raw_value]),
  )
}

const FILES = {
  'system-prompt.md': 'You are ünïque.\n',
  'skills/search/SKILL.md': '# Search',
  '.claude/logo.png': { base64: base64('\u0000\u0001\u00ff') },
}
const LISTED = [
  { path: '.claude/logo.png', bytes: 4 },
  { path: 'skills/search/SKILL.md', bytes: 8 },
  { path: 'system-prompt.md', bytes: 18 },
]

describe('delivery', () => {
  test('files of a create are in the machine, listed by path and size, and shown nowhere', async () => {
    const { id, files } = await h.createWorkspace({ files: FILES })
    expect(files).toEqual(LISTED)
    expect(await filesOf(id)).toEqual({
      '/configs/system-prompt.md': base64(FILES['system-prompt.md']),
      '/configs/skills/search/SKILL.md': base64('# Search'),
      '/configs/.claude/logo.png': FILES['.claude/logo.png'].base64,
    })
    for (const path of [
      `/workspaces/${id}`,
      '/workspaces',
      `/workspaces/${id}/explain`,
      '/events',
      '/audit',
    ]) {
      const shown = await (await h.fetchRaw(path)).text()
      expect(shown).not.toContain('ünïque')
      expect(shown).not.toContain(base64(FILES['system-prompt.md']))
    }
  })

  test('a change of files is delivered by a restart, and replaces all files', async () => {
    const { id } = await h.createWorkspace({ files: FILES })
    const change = (files: Json | null) =>
      h.request(`/workspaces/${id}`, { method: 'PATCH', json: { files } })
    const before = await filesOf(id)
    expect((await change(FILES)).body).toMatchObject({ needs_restart: false })
    const { body } = await change({ 'system-prompt.md': 'Another one.' })
    expect(body).toMatchObject({
      needs_restart: true,
      workspace: { files: [{ path: 'system-prompt.md', bytes: 12 }] },
    })
    expect(await filesOf(id)).toEqual(before)
    await h.request(`/workspaces/${id}/restart`, { method: 'POST', headers: { prefer: 'wait=20' } })
    expect(await filesOf(id)).toEqual({ '/configs/system-prompt.md': base64('Another one.') })
    expect((await change(null)).body).toMatchObject({ needs_restart: true, workspace: { files: [] } })
    await h.request(`/workspaces/${id}/restart`, { method: 'POST', headers: { prefer: 'wait=20' } })
    expect(await filesOf(id)).toEqual({})
  })

  test('a change of a digest alone needs a restart, too', async () => {
    const { id } = await h.createWorkspace({ files: { a: 'x' } })
    const { body } = await h.request(`/workspaces/${id}`, { method: 'PATCH', json: { files: { a: 'y' } } })
    expect(body['needs_restart']).toBe(true)
  })

  test('config.runtime replaces the word in config.yaml, and the image stays that of the runtime', async () => {
    const { id, runtime } = await h.createWorkspace({
      runtime: 'hermes',
      config: { runtime: 'hermes-v2', x: 1 },
    })
    const { files, image } = (await h.machineOf(id)).config
    const yaml = files.find(({ guest_path }) => guest_path === OURS[0])?.raw_value ?? ''
    expect(parse(Buffer.from(yaml, 'base64').toString())).toMatchObject({
      runtime: 'hermes-v2',
      x: 1,
      name: 'test',
    })
    expect([runtime, image]).toEqual(['hermes', expect.stringContaining('workspace-hermes')])
  })
})

describe('refused files', () => {
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, at) => [`f${at}`, '']))
  test.each<[string, unknown, string, RegExp]>([
    ['an absolute path', { '/etc/passwd': '' }, 'files./etc/passwd', /leading slash/],
    ['dot segments', { 'a/../../etc/x': '' }, 'files.a/../../etc/x', /segments/],
    ['a single dot', { './a': '' }, 'files../a', /segments/],
    ['an empty segment', { 'a//b': '' }, 'files.a//b', /segments/],
    ['a trailing slash', { 'a/': '' }, 'files.a/', /segments/],
    ['a backslash', { 'a\\..\\b': '' }, 'files.a\\..\\b', /segments/],
    ['a NUL in its path', { 'a\0': '' }, 'files.a\0', /segments/],
    ['an empty path', { '': '' }, 'files.', /segments/],
    ['a long path', { ['x'.repeat(201)]: '' }, `files.${'x'.repeat(200)}`, /200/],
    ['the name of config.yaml', { 'config.yaml': '' }, 'files.config.yaml', /platform/],
    ['the name of config.yaml in other case', { 'Config.YAML': '' }, 'files.Config.YAML', /platform/],
    ['the name of the token', { '.auth_token': '' }, 'files..auth_token', /platform/],
    ['a path below config.yaml', { 'config.yaml/x': '' }, 'files.config.yaml/x', /platform/],
    ['a path below another file', { a: '', 'a/b': '' }, 'files.a/b', /below a/],
    ['more files than allowed', many, 'files', /100 files/],
    ['more bytes than allowed', { a: 'ä'.repeat(131_073) }, 'files', /262144/],
    ['more bytes than allowed in base64', { a: { base64: base64('x'.repeat(262_145)) } }, 'files', /262144/],
    ['broken base64', { a: { base64: '%%' } }, 'files.a.base64', /base64/],
    ['a number', { a: 5 }, 'files.a', /text/],
    ['a list', ['a'], 'files', /./],
  ])('files with %s are refused by the name of the field', async (_what, files, field, message) => {
    for (const [method, path] of [
      ['POST', '/workspaces'],
      ['PATCH', `/workspaces/${crypto.randomUUID()}`],
    ] as const) {
      const { status, body } = await h.request<{ errors: Json[] }>(path, {
        method,
        json: { name: 'a', files },
      })
      expect(status).toBe(400)
      expect(body.errors).toContainEqual({ field, message: expect.stringMatching(message) })
    }
  })

  test('config.runtime is one word', async () => {
    const { status, body } = await h.request('/workspaces', {
      method: 'POST',
      json: { name: 'a', config: { runtime: 'a b' } },
    })
    expect([status, body['errors']]).toEqual([
      400,
      [{ field: 'config.runtime', message: expect.stringMatching(/word/) }],
    ])
  })
})
