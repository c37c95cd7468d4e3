// What the server prints when it has started: where it listens, what it uses, and a first command to try.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Config, FLY_SETTINGS } from '../../lib/config/config.ts'
import type { DatabaseFailure } from '../../lib/platform/database-errors.ts'
import { isLoopback } from '../../lib/platform/ip-address.ts'
import { HOST_NAME } from '../../lib/provisioner/docker/network.ts'
import { allowsAnonymous } from '../http/authenticate.ts'
import { VERSION } from '../http/version.ts'

/** What is printed before a start that takes several seconds: the first one, which creates the database. */
export function firstStartMessage({ database, dataDirectory }: Config): string | undefined {
  if (database.url !== undefined || existsSync(`${dataDirectory}/postgres`)) return undefined
  return `Creating the embedded database in ${resolve(dataDirectory)}: the first start takes a few seconds …`
}

/**
 * @param driver the database driver's name
 * @param failure why the database cannot be used now
 */
export function startMessage(config: Config, url: string, driver: string, failure?: DatabaseFailure): string {
  const isOpen = allowsAnonymous(config, { loopback: isLoopback(config.listen.host) })
  const shown = config.publicUrl ?? url
  const lines = [
    `Molecule Fly ${VERSION}: workspaces on ${config.backend === 'docker' ? 'Docker' : 'Fly Machines'}`,
    '',
    `  API        ${shown}   (docs at ${shown}/docs)`,
    `  Console    ${shown}/console`,
    `  Data       ${driver === 'pglite' ? resolve(config.dataDirectory) : 'the Postgres at DATABASE_URL'}`,
    ...backendLines(config),
    ...agentLines(config),
    isOpen
      ? '  Access     open to programs on this computer; set ADMIN_TOKEN to require a token'
      : config.adminTokens.length === 0
        ? '  Access     CLOSED: set ADMIN_TOKEN (openssl rand -base64 32), or ANONYMOUS_LOOPBACK=true for this computer only'
        : '  Access     with ADMIN_TOKEN as a bearer token, or tokens made with POST /tokens',
    ...(config.moleculeCompat ? ['  Compat     MOLECULE_COMPAT: as in docs/molecule.md'] : []),
    '',
  ]
  if (failure !== undefined) {
    return [...lines, `NOT READY: ${failure.message}; ${failure.remedy}.`, ''].join('\n')
  }
  return [
    ...lines,
    'Create a workspace, and wait until it is ready:',
    '',
    `  curl -s -X POST ${shown}/workspaces -H 'Content-Type: application/json' -H 'Prefer: wait=30' \\`,
    ...(isOpen ? [] : [`    -H "Authorization: Bearer $ADMIN_TOKEN" \\`]),
    `    -d '{"name": "fly-worker", "runtime": "hermes", "tier": 2}'`,
    '',
  ].join('\n')
}

/** Whether agents can call home. Those that cannot work too: their readiness is polled. */
function agentLines({ listen, platformUrl, publicUrl }: Config): string[] {
  const home = platformUrl ?? publicUrl
  if (home === undefined)
    return [
      '  Agents     cannot reach this server: set PUBLIC_URL to a URL that machines can reach (readiness is polled instead)',
    ]
  return new URL(home).hostname === HOST_NAME && isLoopback(listen.host)
    ? [
        `  Agents     on Linux cannot reach this server at ${home}: set HOST=0.0.0.0, and keep the port closed to the outside (readiness is polled instead)`,
      ]
    : []
}

/** What runs in place of the sample agent. */
function programLines({ emulator: { images } }: Config): string[] {
  if ('file' in images) return [`             EMULATOR_IMAGES: the programs of ${resolve(images.file)}`]
  return Object.entries(images.commands).map(
    ([name, command]) => `             EMULATOR_IMAGES: ${name} runs ${command.join(' ')}`,
  )
}

function backendLines(config: Config): string[] {
  const { backend, docker, fly } = config
  switch (backend) {
    case 'docker':
      return [`  Docker     ${docker.host}, network ${docker.network.name}`]
    case 'emulator':
      return [
        `  Fly        the embedded emulator at ${fly.apiUrl}; its machines are processes on this computer`,
        `             real Fly: set ${FLY_SETTINGS.join(', ')}; containers: CONTAINER_BACKEND=docker`,
        ...programLines(config),
      ]
    case 'flyio':
      return [
        `  Fly        ${fly.apps.length === 1 ? 'app' : 'apps'} ${fly.apps.join(', ')}, region ${fly.region}, at ${fly.apiUrl}`,
      ]
  }
}
