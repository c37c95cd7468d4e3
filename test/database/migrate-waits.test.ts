// `npm run db:migrate` against databases that do not answer yet, or refuse.
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { describe, expect, inject, test } from 'vitest'
import { MIGRATION_LOCK } from '../../drizzle/drivers/migrate-postgres.ts'
import { createEmptyDatabase } from '../support/database.ts'
import { freePorts } from '../support/ports.ts'
import { spawnNode } from '../support/server.ts'
import { bundleOf } from '../support/server-program.ts'
import { changed, serve } from '../support/tcp-servers.ts'

const url = () => inject('postgresUrl')

describe('db:migrate', () => {
  test('db:migrate waits for a database that does not answer yet', async () => {
    const target = new URL(await createEmptyDatabase())
    const [port = 0] = await freePorts(1)
    const { exited, printed } = spawnNode(await bundleOf('drizzle/migrate.ts'), {
      DATABASE_URL: changed(target.href, { port: String(port) }),
    })
    while (!printed.stdout.includes('Waiting')) await delay(50)
    await serve((socket) => {
      socket.pipe(connect(Number(target.port), target.hostname)).pipe(socket)
    }, port)
    expect((await exited).code).toBe(0)
    expect(printed.stdout).toMatch(
      /^Waiting up to 120 s, because no database listens at the host and port of DATABASE_URL\.\n(applied .*\n)+The schema is up to date\.\n$/,
    )
    expect(printed.stderr).toBe('')
  })

  test('db:migrate continues when the database closes its connections', async () => {
    const database = await createEmptyDatabase()
    const client = new Client({ connectionString: database })
    await client.connect()
    try {
      await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
      const { exited, printed } = spawnNode(await bundleOf('drizzle/migrate.ts'), { DATABASE_URL: database })
      const closeOthers = `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and wait_event_type = 'Lock'`
      while ((await client.query(closeOthers)).rowCount === 0) await delay(50)
      await client.query('select pg_advisory_unlock($1)', [MIGRATION_LOCK])
      expect((await exited).code, printed.stderr).toBe(0)
      expect(printed.stdout).toMatch(
        /^Waiting up to 120 s, because .*\n(applied .*\n)+The schema is up to date\.\n$/,
      )
    } finally {
      await client.end()
    }
  })

  test('db:migrate continues when a connection breaks before its transaction begins', async () => {
    const target = new URL(await createEmptyDatabase())
    let broken = 0
    const port = await serve((socket) => {
      const server = connect(Number(target.port), target.hostname)
      socket.on('close', () => server.destroy())
      server.pipe(socket)
      socket.on('data', (chunk) => {
        if (broken > 0 || !chunk.includes('begin')) return void server.write(chunk)
        broken++
        socket.destroy()
      })
    })
    const { exited, printed } = spawnNode(await bundleOf('drizzle/migrate.ts'), {
      DATABASE_URL: changed(target.href, { port: String(port) }),
    })
    expect((await exited).code, printed.stderr).toBe(0)
    expect(broken).toBe(1)
    expect(printed.stdout).toMatch(
      /^Waiting up to 120 s, because .*\n(applied .*\n)+The schema is up to date\.\n$/,
    )
  })

  test('db:migrate does not wait for a database that refuses the connection, and prints one line', async () => {
    const { exited, printed } = spawnNode(await bundleOf('drizzle/migrate.ts'), {
      DATABASE_URL: changed(url(), { search: '?sslmode=require&channel_binding=require' }),
    })
    expect((await exited).code).toBe(1)
    expect(printed.stderr).toMatch(
      /^Nothing was migrated: the database does not offer an encrypted connection.*\n$/,
    )
  })
})
