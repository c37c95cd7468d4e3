// Starts the receiver of webhooks (webhook-receiver-process.ts) and controls it.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Json } from './harness.ts'

export type Received = {
  id: string
  verified: boolean
  status: number
  signatures: number
  type: string
  timestamp: string
  data: { seq: number; type: string; workspace_id: string | null; at: string; payload: Json }
}

export type Receiver = Awaited<ReturnType<typeof startReceiver>>

export async function startReceiver() {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('webhook-receiver-process.ts', import.meta.url))],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (line) => resolve(Number(line)))
    child.once('close', () => reject(new Error('the receiver did not start')))
  })
  const url = `http://127.0.0.1:${port}`
  const ask = async (path: string, body?: unknown) =>
    (
      await fetch(`${url}${path}`, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) })
    ).text()

  return {
    url,
    /** Passes on a request that was sent to another host. */
    forward: (request: Request): Promise<Response> =>
      fetch(`${url}/hook`, {
        method: request.method,
        headers: request.headers,
        body: request.body,
        duplex: 'half',
        redirect: 'manual',
        signal: request.signal,
      } as RequestInit),
    /** Changes how it answers from now on; the options are in webhook-receiver-process.ts. */
    control: (behaviour: Json) => ask('/control', behaviour),
    /** Every request that it received, including those that it refused. */
    received: async () => JSON.parse(await ask('/received')) as Received[],
    clear: () => ask('/clear'),
    async close() {
      const closed = new Promise((done) => child.once('close', done))
      child.stdin.end()
      await closed
    },
  }
}
