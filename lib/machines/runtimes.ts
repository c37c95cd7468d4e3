// What we know of each runtime Molecule publishes: its image and how long it may take to become ready.

/** The runtimes of Molecule's template manifest that run in a machine of ours (docs/facts/molecule.md §2.3). */
export const RUNTIMES = [
  'langgraph',
  'claude-code',
  'openclaw',
  'crewai',
  'autogen',
  'deepagents',
  'hermes',
  'codex',
  'gemini-cli',
] as const

export type Runtime = (typeof RUNTIMES)[number]

export const DEFAULT_RUNTIME: Runtime = 'langgraph'

/** Seconds from creation to ready. Hermes waits for its own gateway and needs longer (docs/facts/molecule.md §2.7, §7.8). */
export const PROVISION_TIMEOUT_SECONDS: Record<Runtime, number> = {
  langgraph: 600,
  'claude-code': 600,
  openclaw: 600,
  crewai: 600,
  autogen: 600,
  deepagents: 600,
  hermes: 1800,
  codex: 600,
  'gemini-cli': 600,
}

export const isRuntime = (name: string): name is Runtime => (RUNTIMES as readonly string[]).includes(name)

export type ImagePolicy = {
  /** Where runtime images are published, without a trailing slash. */
  registry: string
  /** Runtime → image, before the registry is asked. */
  images: Partial<Record<Runtime, string>>
  /** Prefixes an own image may start with. */
  allowed: string[]
}

/** A runtime's image: `hermes` → `ghcr.io/molecule-ai/workspace-hermes:latest`, unless configured otherwise. */
export function runtimeImage(runtime: Runtime, policy: ImagePolicy): string {
  return policy.images[runtime] ?? `${policy.registry}/workspace-${runtime}:latest`
}

/** Whether a caller may run this image: it must start with an allowed registry, at a path boundary. */
export function isAllowedImage(image: string, policy: ImagePolicy): boolean {
  return policy.allowed.some((prefix) => image.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`))
}

/** An image without its tag and digest. */
export const repositoryOf = (image: string): string => image.replace(/@.*$/, '').replace(/:[^/:]*$/, '')

/** The tag that an image is named by; `latest` where it has none. */
export const tagOf = (image: string): string => /:([^/:]+)$/.exec(image.replace(/@.*$/, ''))?.[1] ?? 'latest'
