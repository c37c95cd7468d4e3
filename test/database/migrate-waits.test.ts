// `npm run db:migrate` against databases that do not answer yet, or refuse.
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, inject, test } from 'vitest'
import { createEmptyDatabase } from '../support/database.ts'
import { freePorts } from '../support/ports.ts'
import { spawnNode } from '../support/server.ts'
import { changed, serve } from '../support/tcp-servers.ts'

const url = () => inject('postgresUrl')

describe('db:migrate', () => {
  test('db:migrate waits for a database that does not answer yet', async () => {
    const target = new URL(await createEmptyDatabase())
    const [port = 0] = await freePorts(1)
    const { exited, printed } = spawnNode('drizzle/migrate.ts', {
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

  test('db:migrate does not wait for a database that refuses the connection, and prints one line', async () => {
    const { exited, printed } = spawnNode('drizzle/migrate.ts', {
      DATABASE_URL: changed(url(), { search: '?sslmode=require&channel_binding=require' }),
    })
    expect((await exited).code).toBe(1)
    expect(printed.stderr).toMatch(
      /^Nothing was migrated: the database does not offer an encrypted connection.*\n$/,
    )
  })
})
