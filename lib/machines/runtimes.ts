// The runtimes that Molecule publishes: their images, and how long each may take to become ready.
import { isImageWithin } from './image-reference.ts'

/** The runtimes of Molecule's template manifest that run in a machine (docs/facts/molecule.md §2.3). */
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

/** The runtime of a workspace whose agent runs elsewhere and connects by itself: it has no machine. */
export const EXTERNAL_RUNTIME = 'external'

export const isExternal = ({ runtime }: { runtime: string }) => runtime === EXTERNAL_RUNTIME

/** The tier of a workspace's machine; null without a machine. */
export const machineTier = (workspace: { runtime: string; tier: number }): number | null =>
  isExternal(workspace) ? null : workspace.tier

/** The runtimes that a workspace can have. */
export const WORKSPACE_RUNTIMES = [...RUNTIMES, EXTERNAL_RUNTIME] as const

export type WorkspaceRuntime = (typeof WORKSPACE_RUNTIMES)[number]

/**
 * Seconds from creation to ready. Hermes waits for its gateway and needs longer (docs/facts/molecule.md §2.7, §7.8).
 */
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

/**
 * The runtime that a template names. Molecule's templates are folders named like a runtime, some with `-default` at
 * the end (docs/facts/molecule.md §2.3).
 */
export function templateRuntime(template: string): Runtime | undefined {
  const name = template
    .trim()
    .toLowerCase()
    .replace(/-default$/, '')
  return isRuntime(name) ? name : undefined
}

export type ImagePolicy = {
  /** The registry and namespace of runtime images, without a trailing slash. */
  registry: string
  /** Configured images, by runtime; they take precedence over the registry's. */
  images: Partial<Record<Runtime, string>>
  /** Commands that replace an image's ENTRYPOINT and CMD, by runtime. */
  commands: Partial<Record<Runtime, string[]>>
  /** Registries and namespaces from which a workspace may name an image. */
  allowed: string[]
}

/** The image of a runtime, such as `ghcr.io/molecule-ai/workspace-hermes:latest`, unless one is configured. */
export function runtimeImage(runtime: Runtime, policy: ImagePolicy): string {
  return policy.images[runtime] ?? `${policy.registry}/workspace-${runtime}:latest`
}

/** Whether a caller may name this image: it is in one of the allowed registries or namespaces. */
export const isAllowedImage = (image: string, { allowed }: ImagePolicy): boolean =>
  isImageWithin(image, allowed)
