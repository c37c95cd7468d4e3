// Fills the queue of a workspace with stored messages that are not due for an hour, to test the limits of a queue.
import { sql } from 'drizzle-orm'
import { messages } from '../../drizzle/schema/index.ts'
import type { Harness } from './harness.ts'

/** @param size bytes of each stored request */
export async function fillQueue(h: Harness, workspaceId: string, count = 10_000, size = 10): Promise<void> {
  const later = new Date(h.now().getTime() + 3_600_000).toISOString()
  await h.db.execute(sql`
    insert into ${messages} (id, workspace_id, caller, message_id, method, request, request_headers, fingerprint,
      next_attempt_at, created_at, expires_at)
    select gen_random_uuid(), ${workspaceId}, 'another caller', n, '', repeat('x', ${size}), '{}', '', ${later}, ${later}, ${later}
    from generate_series(1, ${count}) n`)
}
