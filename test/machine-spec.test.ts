import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { flyConfig } from '../lib/provisioner/fly-config.ts'
import {
  configYaml,
  isReservedEnv,
  machineSpec,
  type MachineSpecInput,
  RESERVED_ENV,
} from '../lib/workspaces/machine-spec.ts'
import { isAllowedImage, RUNTIMES, runtimeImage } from '../lib/workspaces/runtimes.ts'

const POLICY = {
  registry: 'ghcr.io/molecule-ai',
  images: {},
  allowed: ['ghcr.io/molecule-ai', 'registry.fly.io/'],
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
  token: 'secret-token',
  inboundSecret: 'the-inbound-secret',
  platformUrl: 'https://platform.example',
})

describe('the recipe', () => {
  test('is, for Fly, exactly this', () => {
    const config = flyConfig(machineSpec(input()))
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
    const files = Object.fromEntries(
      (config.files ?? []).map((file) => [file.guest_path, atob(file.raw_value ?? '')]),
    )
    expect(files['/configs/.auth_token']).toBe('secret-token')
    expect(parse(files['/configs/config.yaml'] ?? '')).toMatchObject({
      name: 'fly-worker',
      runtime: 'hermes',
      tier: 2,
      a2a: { port: 8000 },
    })
  })

  test("gives the agent its identity, whatever the caller's variables say", () => {
    const hostile = Object.fromEntries(RESERVED_ENV.map((name) => [name, 'hijacked']))
    const { env } = machineSpec(input({ env: { ...hostile, MINE: 'kept' }, parentId: 'p', model: 'm' }))
    expect(env['MINE']).toBe('kept')
    expect(Object.values(env)).not.toContain('hijacked')
    expect(env).toMatchObject({
      WORKSPACE_ID: '6c1b7bb8-6d4e-4b0c-9df5-0a6e7f1d2c3b',
      PLATFORM_URL: 'https://platform.example',
      MOLECULE_WORKSPACE_URL: 'https://platform.example/workspaces/6c1b7bb8-6d4e-4b0c-9df5-0a6e7f1d2c3b/a2a',
      MOLECULE_WORKSPACE_TOKEN: 'secret-token',
      HERMES_DEFAULT_MODEL: 'm',
    })
  })

  test('reserves every name it sets', () => {
    for (const name of Object.keys(machineSpec(input({ parentId: 'p' })).env))
      expect([name, isReservedEnv(name)]).toEqual([name, true])
  })
})

describe('config.yaml', () => {
  test('is read back by a YAML parser as it was meant, and no text becomes a key or moves the port', () => {
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
  test('of a runtime come from the registry, unless one is configured', () => {
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
  ])('%s is allowed: %s', (image, allowed) => {
    expect(isAllowedImage(image, POLICY)).toBe(allowed)
  })
})
