// Which statements wait for a lock, for tests of races.
import type { Client } from 'pg'

/** @returns the processes of Postgres whose statements in the client's database wait for a lock now */
export async function waitingForLocks(client: Client): Promise<number[]> {
  // A transaction would see the activity of its first look again.
  await client.query('select pg_stat_clear_snapshot()')
  const { rows } = await client.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  )
  return rows.map(({ pid }) => pid)
}
