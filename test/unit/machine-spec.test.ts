import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { flyConfig } from '../../lib/provisioner/fly/machine-config.ts'
import { appSecrets, ownerOf } from '../../lib/provisioner/fly/secrets.ts'
import {
  configYaml,
  isReservedEnv,
  machineSpec,
  type MachineSpecInput,
  RESERVED_ENV,
} from '../../lib/machines/machine-spec.ts'
import { isAllowedImage, RUNTIMES, runtimeImage } from '../../lib/machines/runtimes.ts'

const POLICY = {
  registry: 'ghcr.io/molecule-ai',
  images: {},
  allowed: ['ghcr.io/molecule-ai', 'registry.fly.io/'],
  commands: {},
}

const input = (over: Partial<MachineSpecInput['workspace']> = {}): MachineSpecInput => ({
  workspace: {
    id: '6c1b7bb8-6d4e-4b0c-9df5-0a6e7f1d2c3b',
    name: 'fly-worker',
    role: 'a role',
    runtime: 'hermes',
    tier: 2,
    region: 'ord',
    model: null,
    parentId: null,
    env: {},
    config: {},
    generation: 3,
    ...over,
  },
  image: 'ghcr.io/molecule-ai/workspace-hermes:latest',
  launchId: 'launch',
  controlPlane: 'plane',
  secrets: {},
  callerFiles: {},
  token: 'secret-token',
  inboundSecret: 'the-inbound-secret',
  platformUrl: 'https://platform.example',
})

describe('the machine configuration', () => {
  test('a disk is mounted at its path, and a machine without a disk has no mounts', () => {
    const spec = machineSpec({ ...input(), disk: { id: 'vol_1', path: '/workspace' } })
    expect(flyConfig(spec, 'fly', 'public').mounts).toEqual([{ volume: 'vol_1', path: '/workspace' }])
    expect(flyConfig(machineSpec(input()), 'fly', 'public')).not.toHaveProperty('mounts')
  })

  test('the machine configuration for Fly has exactly the documented content', () => {
    const spec = machineSpec(input())
    const config = flyConfig(spec, 'fly', 'public')
    expect(config).toMatchObject({
      image: 'ghcr.io/molecule-ai/workspace-hermes:latest',
      guest: { cpu_kind: 'shared', cpus: 1, memory_mb: 512 },
      metadata: {
        workspace_id: '6c1b7bb8-6d4e-4b0c-9df5-0a6e7f1d2c3b',
        generation: '3',
        launch_id: 'launch',
        control_plane: 'plane',
      },
      services: [
        {
          internal_port: 8000,
          autostart: false,
          autostop: 'off',
          ports: [{ port: 443, handlers: ['tls', 'http'] }],
        },
      ],
      checks: { agent: { type: 'http', path: '/.well-known/agent-card.json', port: 8000 } },
      restart: { policy: 'on-failure', max_retries: 3 },
      stop_config: { signal: 'SIGTERM' },
      auto_destroy: false,
    })
    const named = 'MW_PLANE_6C1B7BB86D4E4B0C9DF50A6E7F1D2C3B_3'
    expect(config.processes).toEqual([
      {
        ignore_app_secrets: true,
        secrets: [{ env_var: 'MOLECULE_WORKSPACE_TOKEN', name: `${named}_E_MOLECULE_WORKSPACE_TOKEN` }],
      },
    ])
    expect(config.files?.map((file) => [file.guest_path, file.secret_name])).toEqual([
      ['/configs/config.yaml', undefined],
      ['/configs/.auth_token', `${named}_F__CONFIGS_AUTH_TOKEN`],
      ['/configs/.platform_inbound_secret', `${named}_F__CONFIGS_PLATFORM_INBOUND_SECRET`],
    ])
    expect(JSON.stringify(config)).not.toMatch(/secret-token|the-inbound-secret/)
    expect(appSecrets(spec)).toEqual({
      [`${named}_E_MOLECULE_WORKSPACE_TOKEN`]: 'secret-token',
      [`${named}_F__CONFIGS_AUTH_TOKEN`]: btoa('secret-token'),
      [`${named}_F__CONFIGS_PLATFORM_INBOUND_SECRET`]: btoa('the-inbound-secret'),
    })
    expect(parse(atob(config.files?.[0]?.raw_value ?? ''))).toMatchObject({
      name: 'fly-worker',
      runtime: 'hermes',
      tier: 2,
      a2a: { port: 8000 },
    })
  })

  test('a command of the image is beside the secrets of its process, and absent where there is none', () => {
    const processesOf = (exec?: string[]) =>
      flyConfig(machineSpec({ ...input(), exec }), 'fly', 'public').processes
    expect(processesOf(['/entrypoint.sh', 'run'])).toEqual([
      { ...processesOf()?.[0], exec: ['/entrypoint.sh', 'run'] },
    ])
    expect(processesOf()?.[0]).not.toHaveProperty('exec')
    expect(flyConfig(machineSpec({ ...input(), exec: ['x'] }), 'env', 'public')).not.toHaveProperty(
      'processes',
    )
  })

  test('SECRETS_DELIVERY=env puts secrets in plain text', () => {
    const config = flyConfig(machineSpec(input()), 'env', 'public')
    expect(config.processes).toBeUndefined()
    expect(config.env).toMatchObject({ MOLECULE_WORKSPACE_TOKEN: 'secret-token' })
    const files = Object.fromEntries(
      (config.files ?? []).map((file) => [file.guest_path, atob(file.raw_value ?? '')]),
    )
    expect(files).toMatchObject({
      '/configs/.auth_token': 'secret-token',
      '/configs/.platform_inbound_secret': 'the-inbound-secret',
    })
  })

  test('secret names identify their owner', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.uuid(), fc.uuid(), fc.nat(), (workspaceId, plane, other, generation) => {
        fc.pre(plane.slice(0, 8) !== other.slice(0, 8))
        const spec = machineSpec({ ...input({ id: workspaceId, generation }), controlPlane: plane })
        for (const name of Object.keys(appSecrets(spec))) {
          expect(name).toMatch(/^[A-Za-z_][A-Za-z0-9_]*$/)
          expect(ownerOf(name, plane)).toEqual({ workspaceId, generation })
          expect(ownerOf(name, other)).toBeUndefined()
        }
      }),
    )
    expect(ownerOf('STRIPE_KEY', crypto.randomUUID())).toBeUndefined()
  })

  test("the agent's identity cannot be overridden by env", () => {
    const hostile = Object.fromEntries(RESERVED_ENV.map((name) => [name, 'hijacked']))
    const { env, secrets } = machineSpec({
      ...input({ env: { ...hostile, MINE: 'kept' }, parentId: 'p', model: 'm' }),
      disk: { id: 'vol_1', path: '/data' },
    })
    expect(env['WORKSPACE_DISK_PATH']).toBe('/data')
    expect(env['MINE']).toBe('kept')
    expect(Object.values(env)).not.toContain('hijacked')
    expect(env).toMatchObject({
      WORKSPACE_ID: '6c1b7bb8-6d4e-4b0c-9df5-0a6e7f1d2c3b',
      PLATFORM_URL: 'https://platform.example',
      MOLECULE_WORKSPACE_URL: 'https://platform.example/workspaces/6c1b7bb8-6d4e-4b0c-9df5-0a6e7f1d2c3b/a2a',
      HERMES_DEFAULT_MODEL: 'm',
    })
    expect(secrets).toEqual({ MOLECULE_WORKSPACE_TOKEN: 'secret-token' })
  })

  test('every variable that the platform sets is reserved', () => {
    const { env, secrets } = machineSpec(input({ parentId: 'p' }))
    for (const name of Object.keys({ ...env, ...secrets }))
      expect([name, isReservedEnv(name)]).toEqual([name, true])
  })
})

describe('config.yaml', () => {
  test('config.yaml is parsed back as written, and no text becomes a key', () => {
    const json = fc.dictionary(
      fc.string({ minLength: 1 }).filter((key) => key !== '__proto__' && key !== 'a2a'),
      fc.jsonValue({ maxDepth: 2 }),
      { maxKeys: 4 },
    )
    fc.assert(
      fc.property(fc.string(), fc.string(), json, (name, role, config) => {
        const read = parse(
          configYaml(
            input({ name, role, config: { ...config, a2a: { port: 1, streaming: true } } }).workspace,
          ),
        ) as Record<string, unknown>
        expect(read['name']).toBe(name)
        expect(read['role']).toBe(role)
        expect(read['a2a']).toEqual({ port: 8000, streaming: true })
      }),
    )
  })
})

describe('images', () => {
  test('images of a runtime come from the registry unless one is configured', () => {
    for (const runtime of RUNTIMES)
      expect(runtimeImage(runtime, POLICY)).toBe(`ghcr.io/molecule-ai/workspace-${runtime}:latest`)
    expect(runtimeImage('hermes', { ...POLICY, images: { hermes: 'x@sha256:1' } })).toBe('x@sha256:1')
  })

  test.each([
    ['ghcr.io/molecule-ai/anything:1', true],
    ['registry.fly.io/app:1', true],
    ['ghcr.io/molecule-ai-evil/x', false],
    ['ghcr.io/molecule-ai', false],
    ['docker.io/x', false],
    ['', false],
  ])('the image %s is allowed: %s', (image, allowed) => {
    expect(isAllowedImage(image, POLICY)).toBe(allowed)
  })

  test('words have no quotation marks, and every YAML parser reads them as texts', () => {
    const config = { runtime: 'claude-code', since: '2026-01-01' }
    const text = configYaml(input({ name: 'Test PM 2', role: 'yes', config }).workspace)
    for (const line of ['runtime: claude-code', 'name: Test PM 2', 'role: "yes"', 'since: "2026-01-01"'])
      expect(text.split('\n')).toContain(line)
    const word = fc.stringMatching(/^[A-Za-z0-9.~ -]{1,6}$/)
    const reserved = fc.constantFrom(
      'y',
      'N',
      'Yes',
      'no',
      'On',
      'OFF',
      'true',
      'False',
      'null',
      '~',
      '0x1f',
      '1e3',
    )
    fc.assert(
      fc.property(fc.oneof(word, reserved), (name) => {
        for (const version of ['1.1', '1.2'] as const)
          expect(
            (parse(configYaml(input({ name }).workspace), { version }) as Record<string, unknown>)['name'],
          ).toBe(name)
      }),
    )
  })
})
