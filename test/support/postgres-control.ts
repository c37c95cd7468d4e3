// Stops and continues the processes of a Postgres server, so that it is silent without closing a connection.
import { Client } from 'pg'
import { childrenOf } from './processes.ts'

/** @param url of a superuser */
export async function controlPostgres(url: string): Promise<{ stop(): void; continue(): void }> {
  const client = new Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ file: string }>("select pg_read_file('postmaster.pid') as file")
  await client.end()
  const main = Number(rows[0]?.file.split('\n')[0])
  const signalAll = (signal: NodeJS.Signals) => {
    for (const pid of [main, ...childrenOf(main, '')]) {
      try {
        process.kill(pid, signal)
      } catch {
        // A backend that has ended in the meantime.
      }
    }
  }
  return { stop: () => signalAll('SIGSTOP'), continue: () => signalAll('SIGCONT') }
}
