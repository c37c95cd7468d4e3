// Receives events of the control plane as signed webhooks (https://www.standardwebhooks.com): verifies, drops repetitions, and
// answers so that a failed event is sent again.
import { createServer, type IncomingMessage } from 'node:http'
import { Webhook, WebhookVerificationError } from 'standardwebhooks'

export type WorkspaceEvent = {
  /** Such as `agent_answered`. */
  type: string
  timestamp: string
  data: { seq: number; workspace_id: string | null; payload: Record<string, unknown> }
}

const MAX_BODY_BYTES = 1_000_000
/** How many ids are remembered. A delivery whose answer was lost comes again with the same id. */
const REMEMBERED = 10_000

/**
 * Listens on `PORT` (9000) with the endpoint's `WEBHOOK_SECRET`.
 * @param handle does something with an event. When it throws, the event is sent again later
 */
export function receive(handle: (event: WorkspaceEvent) => void | Promise<void>): void {
  const { HOST = '127.0.0.1', PORT = '9000', WEBHOOK_SECRET } = process.env
  if (!WEBHOOK_SECRET) throw new Error('WEBHOOK_SECRET is missing: the secret of the endpoint, whsec_…')
  const webhook = new Webhook(WEBHOOK_SECRET)
  const done = new Set<string>()

  async function answer(request: IncomingMessage): Promise<number> {
    const body = await readBody(request)
    if (body === undefined) return 413
    let event: WorkspaceEvent
    try {
      // Over the body as it was sent: parsed and written anew it would have another signature.
      event = webhook.verify(body, request.headers as Record<string, string>) as WorkspaceEvent
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error
      return 401
    }
    const id = String(request.headers['webhook-id'])
    if (done.has(id)) return 204
    await handle(event)
    done.add(id)
    for (const oldest of done) {
      if (done.size <= REMEMBERED) break
      done.delete(oldest)
    }
    return 204
  }

  const server = createServer((request, response) => {
    answer(request).then(
      (status) => response.writeHead(status).end(),
      (error: unknown) => {
        console.error(error)
        response.writeHead(500).end()
      },
    )
  })
  server.listen(Number(PORT), HOST, () => console.log(`listening on ${HOST}:${PORT}`))
}

/** @returns undefined when it is too long */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MAX_BODY_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
