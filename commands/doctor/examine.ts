// All checks, in the order in which somebody would set things up, each within its time. They run side by side, and are told in
// order.
import type { Config } from '../../lib/config/config.ts'
import { checkAddresses, type Missing } from './addresses.ts'
import { checkAdminToken } from './check-admin-token.ts'
import { checkClock } from './check-clock.ts'
import { checkDatabase, checkSecretsKey } from './check-database.ts'
import { checkApps, checkRegion, checkToken } from './check-fly.ts'
import { checkImages } from './check-images.ts'
import { checkPublicUrl } from './check-public-url.ts'
import { checkServer } from './check-server.ts'
import { type Finding, ok, sentenceOf, skipped, warning, wrong } from './finding.ts'
import type { Place } from './place.ts'

export type Told = Finding & { check: string }

type Run = (place: Place, signal: AbortSignal) => Finding | Promise<Finding>

/** What lies at others' doors: their silence is no mistake of whoever asks. */
const OTHERS = new Set(['images', 'public url'])

export const CHECKS = [
  'configuration',
  'fly token',
  'fly app',
  'addresses',
  'region',
  'images',
  'database',
  'clock',
  'admin token',
  'secrets key',
  'public url',
  'server',
] as const

/** Every check, where the configuration cannot be read. */
export function tellProblems(problems: readonly string[]): Told[] {
  const finding = wrong(problems.length === 1 ? 'one mistake' : `${problems.length} mistakes`, ...problems)
  return CHECKS.map((check) => ({
    check,
    ...(check === 'configuration' ? finding : skipped('the configuration is wrong')),
  }))
}

/**
 * @param tell hears of each in order, as soon as it and all before it are known
 * @returns what is missing and could be made
 */
export async function examine(
  place: Place,
  timeoutMs: number,
  tell: (told: Told) => void,
): Promise<Missing[]> {
  let missing: Missing[] = []
  const runs: Record<(typeof CHECKS)[number], Run> = {
    configuration: () => ok(describe(place.config)),
    'fly token': checkToken,
    'fly app': checkApps,
    async addresses() {
      const checked = await checkAddresses(place)
      missing = checked.missing
      return checked.finding
    },
    region: checkRegion,
    images: checkImages,
    database: checkDatabase,
    clock: checkClock,
    'admin token': checkAdminToken,
    'secrets key': checkSecretsKey,
    'public url': checkPublicUrl,
    server: checkServer,
  }
  const running = CHECKS.map((check) => [check, within(check, runs[check], place, timeoutMs)] as const)
  for (const [check, finding] of running) tell({ check, ...(await finding) })
  return missing
}

async function within(check: string, run: Run, place: Place, timeoutMs: number): Promise<Finding> {
  const patience = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Finding>((resolve) => {
    timer = setTimeout(() => {
      patience.abort()
      const detail = `no answer within ${timeoutMs / 1000} s`
      resolve(OTHERS.has(check) ? warning(detail) : wrong(detail, 'npm run doctor -- --timeout 60'))
    }, timeoutMs)
  })
  try {
    return await Promise.race([Promise.resolve(run(place, patience.signal)), late])
  } catch (error) {
    return wrong(`this check itself failed: ${sentenceOf(error)}`)
  } finally {
    clearTimeout(timer)
  }
}

function describe({ database, fly }: Config): string {
  const cloud = fly.emulator ? 'the embedded emulator as Fly' : `real Fly (${fly.apps.join(', ')})`
  return `${cloud}, ${database.url === undefined ? 'an embedded Postgres' : 'the Postgres at DATABASE_URL'}`
}
