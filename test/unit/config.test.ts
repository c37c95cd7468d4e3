import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConfigError, Environment, parseConfig } from '../../lib/config/config.ts'
import { VERSION } from '../../functions/http/version.ts'

const problemsOf = (env: Record<string, unknown>): string[] => {
  try {
    parseConfig(env)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

const FLY = { CONTAINER_BACKEND: 'flyio', FLY_API_TOKEN: 'token', FLY_WORKSPACE_APP: 'app' }

describe('the environment', () => {
  test('without any setting means the emulator, on loopback', () => {
    expect(parseConfig({})).toMatchObject({
      fly: { emulator: true, region: 'ord' },
      listen: { host: '127.0.0.1', port: 8080 },
      adminTokens: [],
    })
  })

  test('with three settings means real Fly', () => {
    expect(parseConfig(FLY)).toMatchObject({
      fly: {
        emulator: false,
        token: 'token',
        apps: ['app'],
        region: 'ord',
        apiUrl: 'https://api.machines.dev',
      },
    })
  })

  test('with half of them is refused, naming everything that is missing at once', () => {
    expect(problemsOf({ CONTAINER_BACKEND: 'flyio' }).join('\n')).toMatch(
      /FLY_API_TOKEN is missing[^]*FLY_WORKSPACE_APP is missing/,
    )
    expect(problemsOf({ ...FLY, FLY_API_TOKEN: '' })).toEqual([
      expect.stringMatching(/^FLY_API_TOKEN is missing/),
    ])
    expect(problemsOf({ FLY_API_TOKEN: 'token' }).join('\n')).toMatch(
      /CONTAINER_BACKEND is missing[^]*FLY_WORKSPACE_APP is missing/,
    )
    expect(problemsOf({ FLY_FLAPS_BASE_URL: 'http://localhost:1' })).toEqual([
      expect.stringMatching(/^FLY_FLAPS_BASE_URL is set but Fly is not/),
    ])
  })

  test('reaches Fly over the internet, or over its private network, and either may be moved', () => {
    const flyOf = (env: Record<string, string>) => parseConfig({ ...FLY, ...env }).fly
    expect(flyOf({})).toMatchObject({ endpoint: 'public', proxyUrl: undefined })
    expect(flyOf({ FLY_ENDPOINT: 'internal' })).toMatchObject({
      endpoint: 'internal',
      apiUrl: 'http://_api.internal:4280',
      proxyUrl: undefined,
    })
    const moved = { FLY_FLAPS_BASE_URL: 'http://[fdaa::3]:4280', FLY_PROXY_BASE_URL: 'http://proxy.flycast' }
    expect(flyOf({ FLY_ENDPOINT: 'internal', ...moved })).toMatchObject({
      apiUrl: 'http://[fdaa::3]:4280',
      proxyUrl: 'http://proxy.flycast',
    })
  })

  test.each<[Record<string, string>, RegExp]>([
    [{ FLY_ENDPOINT: 'private' }, /^FLY_ENDPOINT /],
    [{ FLY_ENDPOINT: 'internal', FLY_PROXY_BASE_URL: 'https://app.fly.dev' }, /^FLY_PROXY_BASE_URL is https/],
    [{ FLY_PROXY_BASE_URL: 'http://app.flycast' }, /^FLY_PROXY_BASE_URL .* FLY_ENDPOINT=internal/],
    [{ HOST: '0.0.0.0', PUBLIC_URL: 'http://us.internal:8080' }, /^PUBLIC_URL .* HOST=::/],
    [{ HOST: '0.0.0.0', PLATFORM_URL: 'http://us.internal:8080' }, /^PLATFORM_URL .*\.flycast/],
  ])('of %j cannot work, and is refused by name', (env, problem) => {
    expect(problemsOf({ ...FLY, ...env })).toEqual([expect.stringMatching(problem)])
  })

  test('does not take the private network for the emulator', () => {
    expect(problemsOf({ FLY_ENDPOINT: 'internal' })).toEqual([
      expect.stringMatching(/^FLY_ENDPOINT is set but Fly is not/),
    ])
    expect(parseConfig({ FLY_ENDPOINT: 'public' }).fly.emulator).toBe(true)
    expect(parseConfig({ ...FLY, HOST: '::', PLATFORM_URL: 'http://us.internal:8080' }).platformUrl).toBe(
      'http://us.internal:8080',
    )
  })

  test.each([
    ['PORT', 'eighty'],
    ['PORT', '70000'],
    ['CONTAINER_BACKEND', 'docker'],
    ['FLY_REGION', 'Chicago'],
    ['DATABASE_URL', 'mysql://x'],
    ['PUBLIC_URL', 'localhost:8080'],
    ['SWEEP_INTERVAL_SECONDS', '0'],
    ['ACTIVITY_RETENTION_DAYS', '366'],
    ['RUNTIME_IMAGES', 'cobol=x'],
    ['ROLLOUT_AUTO', 'hermes,cobol'],
    ['GITHUB_WEBHOOK_SECRET', 'short'],
    ['GITEA_WEBHOOK_SECRET', '<your-secret-of-the-forge>'],
    ['FLY_API_TOKEN', '<your-fly-deploy-token>'],
    ['ADMIN_TOKEN', 'changeme'],
    ['ADMIN_TOKEN', 'a-good-long-token-of-mine,<your-token>'],
    ['ADMIN_TOKEN', 'too-short'],
    ['ADMIN_TOKEN', '""'],
    ['FLY_API_TOKEN', 'REPLACE_ME'],
    ['DATABASE_URL', '...'],
    ['CORS_ORIGINS', 'https://console.example.com/path'],
    ['CORS_ORIGINS', '*'],
    ['TRUSTED_PROXY', 'everybody'],
    ['WEBHOOK_PRIVATE_TARGETS', 'https://hooks.internal'],
    ['MOLECULE_COMPAT', 'yes'],
  ])('with %s=%s is refused by name', (name, value) => {
    expect(problemsOf({ ...FLY, [name]: value }).join('\n')).toContain(name)
  })

  test('of an ADMIN_TOKEN may be short where only the emulator on this computer is behind it', () => {
    expect(parseConfig({ ADMIN_TOKEN: 'short' }).adminTokens).toEqual(['short'])
    expect(() => parseConfig({ ADMIN_TOKEN: 'short', HOST: '0.0.0.0' })).toThrow(/openssl rand/)
  })

  test('of MOLECULE_COMPAT is for loopback alone', () => {
    expect(parseConfig({ MOLECULE_COMPAT: 'true' }).moleculeCompat).toBe(true)
    expect(() => parseConfig({ MOLECULE_COMPAT: 'true', HOST: '0.0.0.0' })).toThrow(/HOST must be 127.0.0.1/)
  })

  test('never has its values in an error', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.keys(Environment.shape)),
        fc.string({ minLength: 12 }),
        (name, value) => {
          const message = problemsOf({ ...FLY, [name]: value }).join('\n')
          expect(message.includes(value) && value.trim().length >= 12).toBe(false)
        },
      ),
    )
  })

  test('moves images by registry and by runtime', () => {
    expect(
      parseConfig({
        IMAGE_REGISTRY: 'registry.fly.io/',
        RUNTIME_IMAGES: 'hermes=registry.fly.io/h:1, codex=registry.fly.io/c@sha256:x',
      }).images,
    ).toEqual({
      registry: 'registry.fly.io',
      images: { hermes: 'registry.fly.io/h:1', codex: 'registry.fly.io/c@sha256:x' },
      allowed: ['registry.fly.io', 'registry.fly.io'],
    })
  })

  test('every setting is described in docs/configuration.md', () => {
    const reference = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
    for (const name of Object.keys(Environment.shape)) expect(reference).toContain(`\`${name}\``)
  })
})

test('the version is the one in package.json', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect(VERSION).toBe(manifest.version)
})
