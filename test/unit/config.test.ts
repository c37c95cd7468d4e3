// The configuration from environment variables: a valid configuration, or an error that names every mistake at once.
import { VERSION as CLI_VERSION } from '../../cli/version.ts'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ConfigError, Environment, parseConfig, warnAboutSettings } from '../../lib/config/config.ts'
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

describe('configuration', () => {
  test('no setting at all selects the emulator on loopback', () => {
    expect(parseConfig({})).toMatchObject({
      backend: 'emulator',
      region: 'ord',
      listen: { host: '127.0.0.1', port: 8080 },
      adminTokens: [],
    })
  })

  test('three settings select real Fly', () => {
    expect(parseConfig(FLY)).toMatchObject({
      backend: 'flyio',
      region: 'ord',
      fly: {
        token: 'token',
        apps: ['app'],
        apiUrl: 'https://api.machines.dev',
      },
    })
  })

  test('some of the Fly settings without the others are an error that names all missing ones', () => {
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

  test('FLY_ENDPOINT selects the internet or the private network, and the base URLs override both', () => {
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
  ])('the settings %j are refused by name because they cannot work', (env, problem) => {
    expect(problemsOf({ ...FLY, ...env })).toEqual([expect.stringMatching(problem)])
  })

  test('FLY_ENDPOINT=internal without Fly is refused', () => {
    expect(problemsOf({ FLY_ENDPOINT: 'internal' })).toEqual([
      expect.stringMatching(/^FLY_ENDPOINT is set but Fly is not/),
    ])
    expect(parseConfig({ FLY_ENDPOINT: 'public' }).backend).toBe('emulator')
    expect(parseConfig({ ...FLY, HOST: '::', PLATFORM_URL: 'http://us.internal:8080' }).platformUrl).toBe(
      'http://us.internal:8080',
    )
  })

  test.each([
    ['PORT', 'eighty'],
    ['PORT', '70000'],
    ['CONTAINER_BACKEND', 'podman'],
    ['FLY_REGION', 'Chicago'],
    ['DATABASE_URL', 'mysql://x'],
    ['PUBLIC_URL', 'localhost:8080'],
    ['SWEEP_INTERVAL_SECONDS', '0'],
    ['ACTIVITY_RETENTION_DAYS', '366'],
    ['RUNTIME_EXEC', 'hermes=/run.sh'],
    ['RUNTIME_EXEC', '{"cobol":["/run.sh"]}'],
    ['RUNTIME_EXEC', '{"hermes":"/run.sh"}'],
    ['RUNTIME_EXEC', '{"hermes":[]}'],
    ['RUNTIME_IMAGES', 'cobol=x'],
    ['RUNTIME_IMAGES', 'hermes=a/b,hermes=a/c'],
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
    ['TRUSTED_PROXY', 'fly,10.0.0.0/8'],
    ['TRUSTED_PROXY', '10.0.0.0/33'],
    ['TRUSTED_PROXY_HEADER', 'x forwarded for'],
    ['WEBHOOK_PRIVATE_TARGETS', 'https://hooks.internal'],
    ['MOLECULE_COMPAT', 'yes'],
  ])('%s=%s is refused by name', (name, value) => {
    expect(problemsOf({ ...FLY, [name]: value }).join('\n')).toContain(name)
  })

  test('a short ADMIN_TOKEN is allowed only where it protects just the emulator on this computer', () => {
    expect(parseConfig({ ADMIN_TOKEN: 'short' }).adminTokens).toEqual(['short'])
    expect(() => parseConfig({ ADMIN_TOKEN: 'short', HOST: '0.0.0.0' })).toThrow(/openssl rand/)
  })

  test.each(['ANONYMOUS_LOOPBACK', 'MOLECULE_COMPAT'])(
    '%s is refused unless the server listens on loopback',
    (name) => {
      expect(() => parseConfig({ [name]: 'true' })).not.toThrow()
      expect(() => parseConfig({ [name]: 'true', HOST: '0.0.0.0' })).toThrow(`${name} allows requests`)
      expect(() => parseConfig({ [name]: 'true', HOST: '0.0.0.0' })).toThrow(/HOST must be 127.0.0.1/)
    },
  )

  test('MOLECULE_COMPAT opens nothing where ADMIN_TOKEN is set, and is allowed on any address', () => {
    const settings = { MOLECULE_COMPAT: 'true', HOST: '0.0.0.0', ADMIN_TOKEN: 'a'.repeat(32) }
    expect(() => parseConfig(settings)).not.toThrow()
  })

  test('no error contains the value of a setting', () => {
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

  test('images come from the configured registry, or from the configured image of their runtime', () => {
    expect(
      parseConfig({
        IMAGE_REGISTRY: 'registry.fly.io/',
        RUNTIME_IMAGES: 'hermes=registry.fly.io/h:1, codex=registry.fly.io/c@sha256:x',
      }).images,
    ).toEqual({
      registry: 'registry.fly.io',
      commands: {},
      images: { hermes: 'registry.fly.io/h:1', codex: 'registry.fly.io/c@sha256:x' },
      allowed: ['registry.fly.io', 'registry.fly.io'],
    })
  })

  test('another backend is one mistake, whatever other Fly settings are missing', () => {
    expect(problemsOf({ CONTAINER_BACKEND: 'podman' })).toEqual([
      'CONTAINER_BACKEND must be one of flyio, docker',
    ])
  })

  test('DOCKER_TLS_VERIFY without certificates is refused, and the error names the folder that is missing', () => {
    const settings = {
      CONTAINER_BACKEND: 'docker',
      DOCKER_HOST: 'tcp://10.0.0.1:2376',
      DOCKER_TLS_VERIFY: '1',
    }
    expect(problemsOf(settings).join()).toContain('DOCKER_TLS_VERIFY needs DOCKER_CERT_PATH')
    expect(problemsOf({ ...settings, DOCKER_CERT_PATH: '/certificates' })).toEqual([])
  })

  test('CONTAINER_BACKEND=docker needs no other setting, and has one region', () => {
    expect(parseConfig({ CONTAINER_BACKEND: 'docker', FLY_REGION: 'fra' })).toMatchObject({
      backend: 'docker',
      region: 'local',
      docker: {
        host: 'unix:///var/run/docker.sock',
        network: { name: 'bridge', publishAddress: '127.0.0.1' },
      },
    })
  })

  test.each([
    ['DOCKER_HOST', 'ssh://host', 'DOCKER_HOST must be unix:///path/to/docker.sock or tcp://host:port'],
    ['DOCKER_NETWORK', 'none', 'DOCKER_NETWORK must be bridge, host, or the name of a Docker network'],
    ['DOCKER_PUBLISH_ADDRESS', 'localhost', 'DOCKER_PUBLISH_ADDRESS must be an address of the Docker host'],
    ['DOCKER_AUTH_CONFIG', '{"auths": {"ghcr.io": {"auth": "?"}}}', 'DOCKER_AUTH_CONFIG must be JSON'],
    ['SECRETS_DELIVERY', 'fly', 'SECRETS_DELIVERY=fly needs Fly'],
  ])('%s=%s is refused with Docker, and its text says what to write', (name, value, text) => {
    expect(problemsOf({ CONTAINER_BACKEND: 'docker', [name]: value }).join()).toContain(text)
  })

  test('DOCKER_HOST of another tool does not matter where Docker is not the backend', () => {
    expect(problemsOf({ DOCKER_HOST: 'ssh://host' })).toEqual([])
    expect(problemsOf({ SECRETS_DELIVERY: 'file' }).join()).toContain('SECRETS_DELIVERY=file needs')
  })

  test.each([
    ['PORT', 'NaN', 'PORT must be a whole number from 0 to 65535'],
    ['PORT', '8080.5', 'PORT must be a whole number from 0 to 65535'],
    ['SWEEP_INTERVAL_SECONDS', 'often', 'SWEEP_INTERVAL_SECONDS must be a number from 1 to 3600'],
    ['LOG_LEVEL', 'loud', 'LOG_LEVEL must be one of debug, info, warn, error, silent'],
    ['PUBLIC_URL', 'example.com', 'PUBLIC_URL must be an http or https URL such as https://example.com'],
  ])('%s=%s is refused with the values that are allowed', (name, value, problem) => {
    expect(problemsOf({ [name]: value })).toEqual([problem])
  })

  test.each([
    ['PROVISION_TIMEOUT', 'PROVISION_TIMEOUT_SECONDS'],
    ['SHUTDOWN_GRACE_MS', 'SHUTDOWN_GRACE_SECONDS'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['ADMIN_TOKENS', 'ADMIN_TOKEN'],
    ['LOGLEVEL', 'LOG_LEVEL'],
  ])('%s is ignored with a warning that proposes %s', (name, meant) => {
    expect(warnAboutSettings({ [name]: 'x' })).toEqual([`unknown setting ${name}, did you mean ${meant}?`])
  })

  test('variables that other programs set cause no warning', () => {
    const others = [
      'PATH',
      'HOME',
      'HOSTNAME',
      'PWD',
      'LANG',
      'TERM',
      'NODE_ENV',
      'NODE_OPTIONS',
      'DATABASE_URL_UNPOOLED',
      'PGHOST',
      'FLY_APP_NAME',
      'FLY_MACHINE_ID',
      'FLY_ALLOC_ID',
      'FLY_PUBLIC_IP',
      'FLY_PRIVATE_IP',
      'FLY_PROCESS_GROUP',
      'FLY_IMAGE_REF',
      'FLY_MACHINE_VERSION',
      'FLY_VM_MEMORY_MB',
      'FLY_ACCESS_TOKEN',
      'FLY_API_BASE_URL',
      'FLY_ORG',
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'npm_config_registry',
      'GITHUB_TOKEN',
      'CLOUDFLARE_API_TOKEN',
    ]
    const known = Object.keys(Environment.shape)
    expect(warnAboutSettings(Object.fromEntries([...others, ...known].map((name) => [name, 'x'])))).toEqual(
      [],
    )
  })

  test('every setting is described in docs/configuration.md', () => {
    const reference = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
    for (const name of Object.keys(Environment.shape)) expect(reference).toContain(`\`${name}\``)
  })
})

test('the versions of the server and of the command line are the one in package.json', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect([VERSION, CLI_VERSION]).toEqual([manifest.version, manifest.version])
})
