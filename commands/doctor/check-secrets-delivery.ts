// Whether secret values reach the agents of this Fly account. With secrets of the app, a machine's process names them, and
// Fly's API description does not say whether Fly then still runs the image's ENTRYPOINT (docs/facts/fly.md §4.2): the
// first workspace that becomes ready proves it.
import { and, isNotNull } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import { runtimeImage, RUNTIMES } from '../../lib/machines/runtimes.ts'
import type { DoctorContext } from './context.ts'
import { type Finding, ok, skipped } from './finding.ts'

export async function checkSecretsDelivery({ config, database }: DoctorContext): Promise<Finding> {
  const { commands } = config.images
  if (config.backend === 'emulator') return skipped('the emulator runs the ENTRYPOINT of every image')
  if (config.plainSecrets) return ok("plain text in each machine's configuration (SECRETS_DELIVERY=env)")
  const named = RUNTIMES.filter((runtime) => commands[runtime] !== undefined)
  if (named.length > 0) return ok(`secrets of the app; RUNTIME_EXEC names the command of ${named.join(', ')}`)
  const facts = await database().catch(() => undefined)
  const [ready] =
    facts === undefined
      ? []
      : await facts.opened.db
          .select({ id: workspaces.id })
          .from(workspaces)
          .where(and(isNotNull(workspaces.readyAt), isNotNull(workspaces.machineId)))
          .limit(1)
          .catch(() => [])
  if (ready !== undefined) return ok(`secrets of the app; they reached workspace ${ready.id}`)
  const [app] = config.fly.apps
  return {
    ...skipped(
      'secrets of the app; proven by the first workspace that becomes ready: with them Fly may not run the ENTRYPOINT of an image',
    ),
    fix: [
      `fly logs -a ${app}   # if the first workspace does not become ready: does its program start?`,
      `docker inspect --format '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' ${runtimeImage('hermes', config.images)}   # if not: its command`,
      'export RUNTIME_EXEC=\'{"hermes":["/entrypoint.sh"]}\'   # that command; or SECRETS_DELIVERY=env, see SECURITY.md',
    ],
  }
}
