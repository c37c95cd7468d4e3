// The machine specification: everything a machine is created with, from the workspace's row and the token of its
// launch. Pure and independent of the provider, which translates it (lib/provisioner/fly/machine-config.ts).
import type { Runtime } from './runtimes.ts'

/** Resources of each tier: shared CPUs, and memory in MB. */
export const TIERS = {
  2: { cpus: 1, memoryMb: 512 },
  3: { cpus: 2, memoryMb: 2048 },
  4: { cpus: 4, memoryMb: 4096 },
} as const

export type Tier = keyof typeof TIERS

export const DEFAULT_TIER: Tier = 3

export const isTier = (value: number): value is Tier => Object.hasOwn(TIERS, value)

/** The port of every Molecule runtime, unless its config.yaml sets another (docs/facts/molecule.md §0.2). */
export const AGENT_PORT = 8000

/** The agent card, which every generation of agents serves without authentication (docs/facts/molecule.md §1.6). */
export const AGENT_CARD_PATH = '/.well-known/agent-card.json'

export type MachineSpec = {
  name: string
  region: string
  image: string
  cpus: number
  memoryMb: number
  /** The command in place of the image's ENTRYPOINT and CMD; undefined: the image's own. */
  exec: string[] | undefined
  env: Record<string, string>
  /** Text by absolute path in the machine. */
  files: Record<string, string>
  /** Files of the caller: contents in base64 by absolute path. None is in `files` or `secretFiles`. */
  callerFiles: Record<string, string>
  /** Variables and files that only the agent may read. No name is in both `env` and `secrets`. */
  secrets: Record<string, string>
  secretFiles: Record<string, string>
  /** The disk by the provider's id, and the path where the agent finds it; undefined: none. */
  disk: { id: string; path: string } | undefined
  /** Identifies the machine's workspace, generation, launch and control plane. */
  labels: MachineLabels
  port: number
  /** The path that answers once the agent listens. */
  healthPath: string
}

export type MachineLabels = {
  workspaceId: string
  generation: number
  launchId: string
  controlPlane: string
}

/** The directory of an agent's configuration. */
const CONFIG_DIRECTORY = '/configs'

/** What the platform writes in {@link CONFIG_DIRECTORY}. */
export const PLATFORM_FILES = ['config.yaml', '.auth_token', '.platform_inbound_secret'] as const

/** Variables that callers may not set, because they define a machine's identity (docs/facts/molecule.md §1.1). */
export const RESERVED_ENV = [
  'WORKSPACE_ID',
  'WORKSPACE_CONFIG_PATH',
  'CONFIGS_DIR',
  'PLATFORM_URL',
  'MOLECULE_URL',
  'MOLECULE_WORKSPACE_TOKEN',
  'MOLECULE_WORKSPACE_URL',
  'MOLECULE_DELIVERY_MODE',
  'ADAPTER_MODULE',
  'PYTHONPATH',
  'TIER',
  'PARENT_ID',
  'WORKSPACE_DISK_PATH',
] as const

/** Whether callers may not set a variable: it is one of ours, or Fly sets it (docs/facts/fly.md §5). */
export const isReservedEnv = (name: string) =>
  (RESERVED_ENV as readonly string[]).includes(name) || name.startsWith('FLY_')

export type MachineSpecInput = {
  workspace: {
    id: string
    name: string
    role: string | null
    runtime: Runtime
    tier: Tier
    region: string
    model: string | null
    parentId: string | null
    env: Record<string, string>
    config: Record<string, unknown>
    generation: number
    machineSeries?: number
  }
  image: string
  exec?: string[] | undefined
  launchId: string
  controlPlane: string
  disk?: MachineSpec['disk']
  /** The workspace's secrets, by variable. */
  secrets: Record<string, string>
  /** Contents of the caller's files in base64, by path below {@link CONFIG_DIRECTORY}. */
  callerFiles: Record<string, string>
  /** The workspace token in plain text, which exists only in the machine. */
  token: string
  /** The secret by which the proxy authenticates itself to the agent (docs/facts/molecule.md §1.6). */
  inboundSecret: string
  /** The port on which the agent must listen. */
  port?: number
  /** The base URL of this control plane for agents; also the base of the URL that the agent advertises. */
  platformUrl: string
}

/**
 * The name of a workspace's machine. It is unique in the app, so a lost create is found by it (docs/facts/fly.md
 * §2.2). The series grows when a machine is left behind on a lost host, where it keeps its name.
 */
export const machineName = (workspaceId: string, series = 0) =>
  series === 0 ? `ws-${workspaceId}` : `ws-${workspaceId}-${series}`

/** Secrets take precedence over `env`, and the platform's variables over both (docs/facts/molecule.md §8.5). */
export function machineSpec(input: MachineSpecInput): MachineSpec {
  const { port = AGENT_PORT, workspace } = input
  const secrets = { ...input.secrets, MOLECULE_WORKSPACE_TOKEN: input.token }
  return {
    name: machineName(workspace.id, workspace.machineSeries),
    region: workspace.region,
    image: input.image,
    ...TIERS[workspace.tier],
    exec: input.exec,
    env: {
      ...withoutNames(
        { ...workspace.env, ...modelEnv(workspace.runtime, workspace.model) },
        Object.keys(secrets),
      ),
      WORKSPACE_ID: workspace.id,
      WORKSPACE_CONFIG_PATH: CONFIG_DIRECTORY,
      CONFIGS_DIR: CONFIG_DIRECTORY,
      PLATFORM_URL: input.platformUrl,
      MOLECULE_URL: input.platformUrl,
      MOLECULE_WORKSPACE_URL: `${input.platformUrl}/workspaces/${workspace.id}/a2a`,
      MOLECULE_DELIVERY_MODE: 'push',
      ADAPTER_MODULE: 'adapter',
      PYTHONPATH: '/app',
      TIER: String(workspace.tier),
      ...(input.disk === undefined ? {} : { WORKSPACE_DISK_PATH: input.disk.path }),
      ...(workspace.parentId === null ? {} : { PARENT_ID: workspace.parentId }),
    },
    files: {
      [`${CONFIG_DIRECTORY}/config.yaml`]: configYaml(workspace, port),
    },
    callerFiles: Object.fromEntries(
      Object.entries(input.callerFiles).map(([path, base64]) => [`${CONFIG_DIRECTORY}/${path}`, base64]),
    ),
    secrets,
    secretFiles: {
      [`${CONFIG_DIRECTORY}/.auth_token`]: input.token,
      [`${CONFIG_DIRECTORY}/.platform_inbound_secret`]: input.inboundSecret,
    },
    disk: input.disk,
    labels: {
      workspaceId: workspace.id,
      generation: workspace.generation,
      launchId: input.launchId,
      controlPlane: input.controlPlane,
    },
    port,
    healthPath: AGENT_CARD_PATH,
  }
}

function withoutNames(env: Record<string, string>, names: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)))
}

// Hermes reads its model from a variable instead of config.yaml (docs/facts/molecule.md §1.2).
function modelEnv(runtime: Runtime, model: string | null): Record<string, string> {
  if (model === null) return {}
  return runtime === 'hermes'
    ? { MODEL_PROVIDER: model, HERMES_DEFAULT_MODEL: model }
    : { MODEL_PROVIDER: model }
}

/**
 * The agent's config.yaml, without which a Molecule runtime crash-loops (docs/facts/molecule.md §0.2). Values are
 * written as JSON, a subset of YAML, so no text of a caller can become a key. The caller's `config` may name another
 * `runtime`, because images differ in the word that they expect. Values that the platform relies on (identity and
 * port) come last and take precedence.
 */
export function configYaml(workspace: MachineSpecInput['workspace'], port: number = AGENT_PORT): string {
  const timeless = workspace.runtime !== 'langgraph' && workspace.runtime !== 'deepagents'
  const settings: Record<string, unknown> = {
    version: '1.0.0',
    ...(timeless ? { runtime_config: { timeout: 0 } } : {}),
    runtime: workspace.runtime,
    ...workspace.config,
    name: workspace.name,
    description: workspace.role ?? workspace.name,
    role: workspace.role ?? '',
    tier: workspace.tier,
    ...(workspace.model === null ? {} : { model: workspace.model }),
  }
  const a2a = { ...asObject(workspace.config['a2a']), port }
  return toYaml({ ...settings, a2a })
}

const asObject = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {}

// Block style for objects, and JSON for everything else, which every YAML parser reads alike. So does it plain words, and Molecule's
// scripts and canvas do not remove quotation marks.
function toYaml(value: Record<string, unknown>, indent = ''): string {
  return Object.entries(value)
    .filter(([, entry]) => entry !== undefined)
    .map(([key, entry]) => {
      const name = /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) ? key : JSON.stringify(key)
      const nested = asObject(entry)
      return Object.keys(nested).length > 0
        ? `${indent}${name}:\n${toYaml(nested, `${indent}  `)}`
        : `${indent}${name}: ${isPlain(entry) ? entry : JSON.stringify(entry)}\n`
    })
    .join('')
}

/** Words of letters, digits and hyphens are a text in YAML, unless they are one of its other values. */
const isPlain = (value: unknown): value is string =>
  typeof value === 'string' &&
  /^[A-Za-z][A-Za-z0-9]*(?:[ -][A-Za-z0-9]+)*$/.test(value) &&
  !/^(?:y|n|yes|no|on|off|true|false|null)$/i.test(value)
