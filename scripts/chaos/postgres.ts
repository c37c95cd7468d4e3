// The Postgres of a run: a server that is started again whenever it ends, as a service manager would, and that can be killed.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Client, escapeIdentifier } from 'pg'
import type { Pace } from './clock.ts'

export type ChaosPostgres = {
  url: string
  /** SIGKILL to the server, which then recovers from its log. */
  kill(): void
  stop(): Promise<void>
}

const SERVER = fileURLToPath(new URL('../../test/support/postgres-server.ts', import.meta.url))

/** @param directory where its data goes; default: the directory for temporary files */
export async function startChaosPostgres(directory?: string): Promise<ChaosPostgres> {
  const server = fork(SERVER, {
    execArgv: [],
    env: {
      ...process.env,
      POSTGRES_SUPERVISED: '1',
      ...(directory === undefined ? {} : { POSTGRES_PARENT: directory }),
    },
  })
  const ended = once(server, 'exit')
  const [message] = (await Promise.race([
    once(server, 'message'),
    ended.then(() => Promise.reject(new Error('the Postgres of this run did not start'))),
  ])) as [{ url: string }]
  return {
    url: message.url,
    kill: () => void server.send('kill'),
    async stop() {
      server.disconnect()
      await ended
    },
  }
}

/** The URL of another database of the same server. */
export function withDatabase(serverUrl: string, name: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}

/**
 * Creates a database whose `now()` runs at the pace of the run: leases end by it.
 * @returns its URL
 */
export async function createDatabase(
  serverUrl: string,
  name: string,
  { epoch, speed }: Pace,
): Promise<string> {
  const url = withDatabase(serverUrl, name)
  const quoted = escapeIdentifier(name)
  await query(serverUrl, `create database ${quoted}`)
  await query(
    url,
    `create function public.now() returns timestamptz language sql stable as $$
      select to_timestamp(${epoch / 1000} + (extract(epoch from transaction_timestamp()) - ${epoch / 1000}) * ${speed}) $$;
    alter database ${quoted} set search_path = public, pg_catalog`,
  )
  return url
}

async function query(url: string, statements: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statements)
  } finally {
    await client.end()
  }
}
