// The files for deployments name every required setting, contain no secret, and cannot be deployed with placeholders.
import { readFileSync } from 'node:fs'
import { unstable_readConfig as readWranglerConfig } from 'wrangler'
import { describe, expect, test } from 'vitest'
import { parseConfig } from '../../lib/config/config.ts'
import { missingSettings } from '../../functions/worker/config.ts'

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')

const ENVIRONMENTS = ['', 'staging', 'hyperdrive']
const configOf = (env: string) => readWranglerConfig({ config: 'wrangler.toml', env }, { hideWarnings: true })

const example = Object.fromEntries(
  [...read('.dev.vars.example').matchAll(/^(\w+)="(.*)"$/gm)].map(([, name, value]) => [name, value]),
)

const SECRET = [
  'ADMIN_TOKEN',
  'DATABASE_URL',
  'FLY_API_TOKEN',
  'SECRETS_ENCRYPTION_KEY',
  'SECRETS_PREVIOUS_KEYS',
]

describe.each(ENVIRONMENTS)('wrangler.toml for "%s"', (env) => {
  const config = configOf(env)

  test('wrangler.toml requires every secret that a Worker needs', () => {
    expect(missingSettings({})).not.toEqual([])
    const required: string[] = config.secrets?.required ?? []
    // The binding HYPERDRIVE replaces DATABASE_URL.
    if (config.hyperdrive.length > 0) required.unshift('DATABASE_URL')
    const given = Object.fromEntries(required.map((name) => [name, 'set']))
    expect(missingSettings({ ...config.vars, ...given })).toEqual([])
    expect(required).toEqual(configOf('').secrets?.required)
  })

  test('wrangler.toml holds no secret and no development setting', () => {
    const names = Object.keys(config.vars)
    expect(names.filter((name: string) => SECRET.includes(name))).toEqual([])
    expect(names.filter((name: string) => /MOLECULE_COMPAT|EMULATOR|ENDPOINT|BASE_URL/.test(name))).toEqual(
      [],
    )
    expect(() =>
      parseConfig({ ...config.vars, FLY_API_TOKEN: 'a-token', FLY_WORKSPACE_APP: 'an-app' }),
    ).not.toThrow()
  })

  test('wrangler.toml sweeps every minute, logs everything, samples traces and disables previews', () => {
    expect(config).toMatchObject({
      triggers: { crons: ['* * * * *'] },
      preview_urls: false,
      observability: {
        enabled: true,
        logs: { enabled: true, head_sampling_rate: 1 },
        traces: { enabled: true, head_sampling_rate: 0.1 },
      },
    })
  })

  test("wrangler.toml enables Node's API for Hyperdrive only", () => {
    const isHyperdrive = env === 'hyperdrive'
    expect(config.main).toMatch(isHyperdrive ? /functions\/worker-hyperdrive\.ts$/ : /functions\/worker\.ts$/)
    expect(config.hyperdrive.map(({ binding }: { binding: string }) => binding)).toEqual(
      isHyperdrive ? ['HYPERDRIVE'] : [],
    )
    expect(config.compatibility_flags).toEqual([
      'enable_request_signal',
      ...(isHyperdrive ? ['nodejs_compat'] : []),
    ])
  })
})

test('the Worker for staging is bundled and deployed as that of production, with other settings', () => {
  const withSettings = { name: expect.any(String), targetEnvironment: 'staging', vars: expect.any(Object) }
  expect(configOf('staging')).toEqual({ ...configOf(''), ...(withSettings as object) })
})

describe('.dev.vars.example, which the deploy button fills in', () => {
  test('.dev.vars.example names the required secrets only', () => {
    expect(Object.keys(example)).toEqual(configOf('').secrets?.required)
  })

  test.each(Object.keys(example))('.dev.vars.example has no usable value for %s', (name) => {
    expect(() => parseConfig({ ...configOf('').vars, ...example })).toThrow(`${name} is still a placeholder`)
  })

  test('package.json explains every binding of .dev.vars.example', () => {
    const { cloudflare } = JSON.parse(read('package.json')) as {
      cloudflare: { bindings: Record<string, { description: string }> }
    }
    expect(Object.keys(cloudflare.bindings)).toEqual([...Object.keys(example), 'SUBREQUEST_LIMIT'])
  })
})
