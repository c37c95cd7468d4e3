// The settings of the sample agent, read from its environment and its config.yaml as Molecule's runtime does.

import type { GuestMachine } from '../guests/host.ts'

export const CAPABILITIES = { streaming: true, pushNotifications: false }
export const SKILLS = [
  {
    id: 'echo',
    name: 'Echo',
    description:
      'Says which region it runs in, remembers, streams, works long, sleeps, fails or exits on request; else echoes.',
    tags: ['sample'],
  },
]

/** The settings after the files and the environment were read. */
export type Settings = {
  id: string
  name: string
  description: string
  version: string
  runtime: string
  port: number
  /**
   * The address that the agent registers. On Fly it cannot be reached from outside the machine (docs/facts/molecule.md
   * §0.3).
   */
  url: string
  platform: string
  configs: string
}

/** What a heartbeat reports. The executor counts it (docs/facts/molecule.md §1.5). */
export type Work = { requests: number; errors: number; sampleError: string; active: number; current: string }

/** The settings, or the reason why the agent cannot boot. */
export function readSettings(machine: GuestMachine): Settings | string {
  const { env } = machine
  const path = `${env['WORKSPACE_CONFIG_PATH'] || '/configs'}/config.yaml`
  const text = machine.readFile(path)
  if (text === undefined) return `FileNotFoundError: ${path}`
  if (!env['WORKSPACE_ID']) return 'WORKSPACE_ID is required'
  const config = parseFlatYaml(text)
  const port = Number(config.get('a2a.port') ?? 8000)
  const host = env['HOSTNAME'] || env['FLY_MACHINE_ID'] || 'localhost'
  return {
    id: env['WORKSPACE_ID'],
    name: config.get('name') || env['WORKSPACE_ID'],
    description: config.get('description') || config.get('role') || 'A sample agent',
    version: config.get('version') || '1.0.0',
    runtime: config.get('runtime') || 'langgraph',
    port,
    url: env['MOLECULE_WORKSPACE_URL'] || `http://${host}:${port}`,
    platform: (env['PLATFORM_URL'] || 'http://localhost:8080').replace(/(?<!\/)\/+$/, ''),
    configs: env['CONFIGS_DIR'] || '/configs',
  }
}

/**
 * The subset of YAML that the platform writes: `key: value` and one level of nesting, as `a.b`. Lists and deeper
 * levels are ignored. Strings are JSON-quoted there, because a newline in a name once injected keys
 * (docs/facts/molecule.md §1.2).
 */
function parseFlatYaml(text: string): Map<string, string> {
  const values = new Map<string, string>()
  let parent = ''
  for (const line of text.split(/\r?\n/)) {
    const [, indent = '', key, raw = ''] = /^(\s*)([\w-]+):(?:\s+(\S.*)?)?$/.exec(line) ?? []
    if (key === undefined) continue
    if (indent === '') parent = key
    const value = unquote(raw.trim())
    if (value !== '') values.set(indent === '' ? key : `${parent}.${key}`, value)
  }
  return values
}

function unquote(raw: string): string {
  const quoted = /^("(?:[^"\\]|\\.)*")/.exec(raw)?.[1]
  if (quoted !== undefined) return JSON.parse(quoted) as string
  return raw.replace(/(^|\s)#.*$/s, '').replace(/^'(.*)'$/, '$1')
}
