// CORS: which pages of other origins may call the API, and what they can read.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness } from '../support/harness.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness({ env: { CORS_ORIGINS: 'https://console.example.com' } })
})
afterAll(() => h.close())

/** The headers of Molecule's canvas (docs/facts/molecule.md §8.3) and of its management client (§8.2). */
const REQUESTED = 'authorization,content-type,x-molecule-org-id,x-molecule-org-slug'

describe('CORS', () => {
  const preflight = (origin: string, path = '/workspaces') =>
    h.fetchRaw(path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': REQUESTED,
      },
    })

  test.each(['/workspaces', `/workspaces/${crypto.randomUUID()}/a2a`])(
    'a page of a configured origin may call %s, and its preflight needs no token',
    async (path) => {
      const { headers, status } = await preflight('https://console.example.com', path)
      expect(status).toBe(204)
      expect(headers.get('access-control-allow-origin')).toBe('https://console.example.com')
      expect(headers.get('access-control-allow-headers')).toBe(REQUESTED)
      expect(headers.get('access-control-allow-credentials')).toBe('true')
    },
  )

  test.each(['https://evil.example', 'https://console.example.com.evil.example', 'null'])(
    'a page of the origin %s may not call the API',
    async (origin) => {
      const { headers } = await preflight(origin)
      expect(headers.get('access-control-allow-origin')).toBeNull()
      const answer = await h.fetchRaw('/healthz', { headers: { origin } })
      expect(answer.headers.get('access-control-allow-origin')).toBeNull()
      expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
      expect(answer.headers.get('set-cookie')).toBeNull()
    },
  )

  test('a page of a configured origin can read the response headers, those of A2A included', async () => {
    const named = await createHarness({
      env: { CORS_ORIGINS: 'https://console.example.com', ADMIN_TOKEN: 'an-admin-with-a-page' },
    })
    try {
      for (const path of ['/workspaces', `/workspaces/${crypto.randomUUID()}/a2a`]) {
        const { headers } = await named.request(path, {
          method: path === '/workspaces' ? 'GET' : 'POST',
          headers: { origin: 'https://console.example.com', authorization: 'Bearer an-admin-with-a-page' },
          ...(path === '/workspaces' ? {} : { json: {} }),
        })
        expect(headers.get('access-control-allow-origin')).toBe('https://console.example.com')
        expect(headers.get('access-control-allow-credentials')).toBe('true')
        expect(headers.get('access-control-expose-headers')).toContain('Retry-After')
        expect(headers.get('vary')).toContain('Origin')
      }
    } finally {
      await named.close()
    }
  })
})
