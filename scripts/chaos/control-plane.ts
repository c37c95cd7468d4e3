// One control plane of a run: its database, its replicas, and what its users got. Several share one provider.
import { connectPglite } from '../../drizzle/drivers/pglite.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import * as schema from '../../drizzle/schema/index.ts'
import type { Database } from '../../drizzle/database.ts'
import { freePorts } from '../../test/support/ports.ts'
import { serverProgram } from '../../test/support/server-program.ts'
import { type Remains, remainsOf } from './checks/remains.ts'
import type { Pace } from './clock.ts'
import { createReplica, type Replica } from './replica.ts'
import type { Tenant, World } from './world.ts'

/** The admin token that all users share. */
export const USERS_TOKEN = 'the-users-of-chaos'

export type ControlPlane = Tenant & {
  /** How many workspaces its users create. */
  workspaces: number
  isEmbedded: boolean
  replicas: Replica[]
  record: UserRecord
  /** Reads what is in its database and at the provider. */
  look: () => Promise<Remains>
  close: () => Promise<void>
}

/** What its users got. */
export type UserRecord = {
  requests: number
  /** Answers that no caller should get: failures without a code, and internal errors. */
  bad: string[]
}

type Options = {
  name: string
  workspaces: number
  world: World
  pace: Pace
}

/** How long Postgres may take to answer at the start, in milliseconds of the run's clock. */
const START_MS = 300_000

/**
 * Two replicas on a database of Postgres.
 * @param urls of the database: `direct`, and where its replicas connect to
 * @param migrate brings the empty database to the schema that the replicas start with
 */
export async function startOnPostgres(
  options: Options,
  urls: { direct: string; replicas: string },
  migrate: (url: string) => Promise<unknown> = (url) => migratePostgres(url, { waitMs: START_MS }),
): Promise<ControlPlane> {
  await migrate(urls.direct)
  const database = connectPostgres(urls.direct, { max: 4 })
  const id = await idOf(database.db)
  return start(options, {
    id,
    isEmbedded: false,
    replicas: 2,
    settings: { DATABASE_URL: urls.replicas },
    look: async () => remainsOf(database.db, await options.world.look(), id),
    close: () => database.close(),
  })
}

/** One replica with the embedded database in a directory. */
export async function startEmbedded(options: Options, directory: string): Promise<ControlPlane> {
  const read = async <Result>(what: (db: Database) => Promise<Result>): Promise<Result> => {
    const database = await connectPglite(`${directory}/postgres`)
    try {
      return await what(database.db)
    } finally {
      await database.close()
    }
  }
  const id = await read(idOf)
  const controlPlane = await start(options, {
    id,
    isEmbedded: true,
    replicas: 1,
    settings: { DATA_DIR: directory },
    // Only one process can open the embedded database.
    async look() {
      const { replicas } = controlPlane
      await Promise.all(replicas.map((replica) => replica.kill('SIGTERM')))
      const remains = await read(async (db) => remainsOf(db, await options.world.look(), id))
      await Promise.all(replicas.map((replica) => replica.start()))
      return remains
    },
    close: () => Promise.resolve(),
  })
  return controlPlane
}

type Kind = Pick<ControlPlane, 'id' | 'isEmbedded' | 'look' | 'close'> & {
  replicas: number
  settings: { [name: string]: string }
}

async function start(
  { name, pace, workspaces, world }: Options,
  { close, id, isEmbedded, look, replicas: count, settings }: Kind,
): Promise<ControlPlane> {
  const [program, ports] = await Promise.all([serverProgram(), freePorts(count)])
  const replicas: Replica[] = []
  let turn = 0
  const pickReplica = () => {
    const living = replicas.filter((replica) => replica.isUp())
    return living[turn++ % Math.max(1, living.length)]?.url
  }
  const common = {
    SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64'),
    ...(await world.admit({ name, id, pickReplica })),
    SWEEP_INTERVAL_SECONDS: '1',
    PROVISION_TIMEOUT_SECONDS: '60',
    ORPHAN_GRACE_SECONDS: '10',
    WEBHOOK_PRIVATE_TARGETS: '127.0.0.1',
    LOG_LEVEL: 'error',
    ADMIN_TOKEN: USERS_TOKEN,
    // Many people share the one token.
    API_RATE_PER_MINUTE: '0',
  }
  replicas.push(...ports.map((port) => createReplica(program, port, { ...common, ...settings }, pace)))
  const controlPlane: ControlPlane = {
    name,
    id,
    workspaces,
    isEmbedded,
    replicas,
    record: { requests: 0, bad: [] },
    pickReplica,
    look,
    async close() {
      await Promise.all(replicas.map((replica) => replica.kill()))
      await close()
    },
  }
  await Promise.all(replicas.map((replica) => replica.start()))
  return controlPlane
}

async function idOf(db: Database): Promise<string> {
  const [self] = await db.select({ id: schema.controlPlane.id }).from(schema.controlPlane)
  return self?.id ?? ''
}
