// What the Worker answers in workerd when settings are missing or wrong.
import { beforeAll, expect, test } from 'vitest'
import { startWorkerd } from '../support/worker.ts'
import { type Bundle, bundleWorker } from '../support/worker-bundle.ts'

let bundle: Bundle
beforeAll(async () => {
  bundle = await bundleWorker()
})

const SETTINGS = {
  CONTAINER_BACKEND: 'flyio',
  FLY_API_TOKEN: 'a-secret-token',
  FLY_WORKSPACE_APP: 'test-app',
  DATABASE_URL: 'postgres://user:secret@127.0.0.1/database',
  PUBLIC_URL: 'https://workspaces.example',
  ADMIN_TOKEN: 'another-secret-token',
}

async function answerWith(bindings: Record<string, string>) {
  const worker = await startWorkerd(bundle.code, bindings)
  try {
    const response = await fetch(`${worker.url}/workspaces`)
    const text = await response.text()
    return { status: response.status, type: response.headers.get('content-type'), text }
  } finally {
    await worker.close()
  }
}

test('a Worker without settings answers 503 and names all that are missing', async () => {
  const { status, type, text } = await answerWith({ CONTAINER_BACKEND: 'flyio', FLY_REGION: 'ord' })
  expect(status).toBe(503)
  expect(type).toBe('application/problem+json')
  const { code, detail } = JSON.parse(text) as { code: string; detail: string }
  expect(code).toBe('misconfigured')
  for (const name of ['FLY_API_TOKEN', 'FLY_WORKSPACE_APP', 'DATABASE_URL', 'PUBLIC_URL', 'ADMIN_TOKEN']) {
    expect(detail.split(`${name} is missing`)).toHaveLength(2)
  }
  expect(text).not.toContain('CONTAINER_BACKEND is missing')
})

test('a Worker with FLY_ENDPOINT=internal answers 503', async () => {
  const { status, text } = await answerWith({ ...SETTINGS, FLY_ENDPOINT: 'internal' })
  expect(status).toBe(503)
  expect(text).toContain('FLY_ENDPOINT=internal works inside Fly only')
})

test('a Worker with CONTAINER_BACKEND=docker answers 503', async () => {
  const { status, text } = await answerWith({ ...SETTINGS, CONTAINER_BACKEND: 'docker' })
  expect(status).toBe(503)
  expect(text).toContain('CONTAINER_BACKEND=docker works on Node only')
})

test('a Worker without ADMIN_TOKEN answers 503 and names it', async () => {
  const { ADMIN_TOKEN: _, ...rest } = SETTINGS
  const { status, text } = await answerWith(rest)
  expect(status).toBe(503)
  expect(text).toContain('ADMIN_TOKEN is missing')
  expect(text).not.toMatch(/secret|FLY_|DATABASE_URL/)
})

test('a Worker names wrong and missing settings together, without values', async () => {
  const { ADMIN_TOKEN: _, ...rest } = SETTINGS
  const { text } = await answerWith({ ...rest, FLY_REGION: 'the-moon' })
  expect(text).toContain('ADMIN_TOKEN is missing')
  expect(text).toContain('FLY_REGION must be')
  expect(text).not.toContain('the-moon')
})
