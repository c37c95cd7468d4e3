// All checks, in the order of a set-up, each with a timeout. They run concurrently, and are reported in order.
import type { Config } from '../../lib/config/config.ts'
import { checkAddresses, type Missing } from './addresses.ts'
import { checkAdminToken } from './check-admin-token.ts'
import { checkClock } from './check-clock.ts'
import { checkDocker } from './check-docker.ts'
import { checkDatabase, checkSecretsKey } from './check-database.ts'
import { checkApps, checkRegion, checkToken } from './check-fly.ts'
import { checkImages } from './check-images.ts'
import { checkPublicUrl } from './check-public-url.ts'
import { checkSecretsDelivery } from './check-secrets-delivery.ts'
import { checkServer } from './check-server.ts'
import { type Finding, ok, messageOf, skipped, warning, wrong } from './finding.ts'
import type { DoctorContext } from './context.ts'

export type CheckResult = Finding & { check: string }

type Run = (context: DoctorContext, signal: AbortSignal) => Finding | Promise<Finding>

/** Checks of services of others. A timeout there is not an error of the settings. */
const EXTERNAL = new Set(['images', 'public url'])

const ALL_CHECKS = [
  'configuration',
  'docker',
  'fly token',
  'fly app',
  'addresses',
  'region',
  'images',
  'database',
  'clock',
  'admin token',
  'secrets key',
  'delivery',
  'public url',
  'server',
] as const

type Check = (typeof ALL_CHECKS)[number]

/** Checks of what only Fly has. */
const FLY_CHECKS: readonly Check[] = [
  'fly token',
  'fly app',
  'addresses',
  'region',
  'images',
  'delivery',
  'public url',
]

const checksOf = (backend: Config['backend']): Check[] =>
  ALL_CHECKS.filter((check) => (backend === 'docker' ? !FLY_CHECKS.includes(check) : check !== 'docker'))

/** The results of all checks if the configuration is invalid. */
export function resultsOfProblems(problems: readonly string[], backend: string | undefined): CheckResult[] {
  const finding = wrong(problems.length === 1 ? 'one mistake' : `${problems.length} mistakes`, ...problems)
  return checksOf(backend === 'docker' ? backend : 'flyio').map((check) => ({
    check,
    ...(check === 'configuration' ? finding : skipped('the configuration is wrong')),
  }))
}

/**
 * @param report called for each check in order, as soon as its result and all before it are known
 * @returns the missing addresses, which can be allocated
 */
export async function examine(
  context: DoctorContext,
  timeoutMs: number,
  report: (results: CheckResult) => void,
): Promise<Missing[]> {
  let missing: Missing[] = []
  const runs: Record<Check, Run> = {
    configuration: () => ok(describe(context.config)),
    docker: checkDocker,
    'fly token': checkToken,
    'fly app': checkApps,
    async addresses() {
      const checked = await checkAddresses(context)
      missing = checked.missing
      return checked.finding
    },
    region: checkRegion,
    images: checkImages,
    database: checkDatabase,
    clock: checkClock,
    'admin token': checkAdminToken,
    'secrets key': checkSecretsKey,
    delivery: checkSecretsDelivery,
    'public url': checkPublicUrl,
    server: checkServer,
  }
  const running = checksOf(context.config.backend).map(
    (check) => [check, within(check, runs[check], context, timeoutMs)] as const,
  )
  for (const [check, finding] of running) report({ check, ...(await finding) })
  return missing
}

async function within(check: string, run: Run, context: DoctorContext, timeoutMs: number): Promise<Finding> {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Finding>((resolve) => {
    timer = setTimeout(() => {
      controller.abort()
      const detail = `no answer within ${timeoutMs / 1000} s`
      resolve(EXTERNAL.has(check) ? warning(detail) : wrong(detail, 'npm run doctor -- --timeout 60'))
    }, timeoutMs)
  })
  try {
    return await Promise.race([Promise.resolve(run(context, controller.signal)), late])
  } catch (error) {
    return wrong(`this check failed: ${messageOf(error)}`)
  } finally {
    clearTimeout(timer)
  }
}

function describe({ backend, database, docker, fly }: Config): string {
  const clouds = {
    docker: `Docker at ${docker.host}`,
    emulator: 'the embedded emulator as Fly',
    flyio: `real Fly (${fly.apps.join(', ')})`,
  }
  const cloud = clouds[backend]
  return `${cloud}, ${database.url === undefined ? 'an embedded Postgres' : 'the Postgres at DATABASE_URL'}`
}
