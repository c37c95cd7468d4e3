// A client that reads a long stream slowly costs bounded memory: the server as a process, real sockets, and an agent that
// sends more than the connections can buffer. `npm run proof:slow-reader` is the long version.
import { expect, test } from 'vitest'
import { createPostgresDatabase } from '../../support/database.ts'
import { spawnNode } from '../../support/server.ts'

test('a client that stops reading stops the agent, and then gets every byte', async () => {
  const database = await createPostgresDatabase()
  const options = ['--megabytes', '200', '--pause', '1.5', '--database', database]
  const { exited, printed } = spawnNode('scripts/bench/slow-reader.ts', {}, options)
  expect((await exited).code, printed.stdout + printed.stderr).toBe(0)
  expect(printed.stdout).toMatch(/^sent by the agent +200\.0 MB$/m)
  expect(printed.stdout).toMatch(/^read by the client +200\.0 MB +the same bytes$/m)
  expect(printed.stdout).toMatch(/^bounded$/m)
})
