// Starts the control plane in workerd, over Neon's driver or a Hyperdrive and a real Postgres. Every request that it sends ends in
// this process.
import { Readable } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, request as ask } from 'undici'
import { inject } from 'vitest'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { readDescription } from '../../commands/build-description.ts'
import { listen } from '../../functions/node/http-server.ts'
import { ConnectionLost } from '../../lib/emulator/shared/connection-lost.ts'
import type { ControlPlane, ControlPlaneOptions, Logged } from './control-plane.ts'
import { createPostgresDatabase } from './database.ts'
import { startNeonBridge } from './neon-bridge.ts'
import { verbatimHandler } from './plain-http.ts'
import { TARGET } from './test-target.ts'
import { ASSETS_ORIGIN, CLOCK_OFFSET_HEADER, CONTROL_ORIGIN, ORIGIN_HEADER } from './worker-control.ts'
import { startWorkerd } from './worker.ts'

export async function startWorkerdControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { env, launchRate, loopback, offset } = options
  const url = await createPostgresDatabase()
  const database = connectPostgres(url, { max: 4 })
  const bridge = await startNeonBridge()
  const network = await listen(() => new Response(null, { status: 500 }), {
    host: '127.0.0.1',
    port: 0,
    setting: 'a test',
    beforeApp: verbatimHandler((request) => sendOn(options.network, request)),
  })
  const worker = await startWorkerd(
    inject('workerUnderTest'),
    {
      SETTINGS: JSON.stringify({
        env: { ...env, DATABASE_URL: url, NEON_HTTP_ENDPOINT: bridge.endpoint },
        loopback,
        launchRate,
        network: `http://127.0.0.1:${network.port}`,
      }),
    },
    TARGET === 'hyperdrive' ? { hyperdrive: url } : {},
  )
  const agent = new Agent({ headersTimeout: 0, bodyTimeout: 0, pipelining: 0 })

  /** Sends a request unchanged: no redirect is followed, no body decompressed, no header added. */
  async function send(request: Request): Promise<Response> {
    const at = new URL(request.url)
    const headers = new Headers(request.headers)
    headers.set('host', at.host)
    headers.set(CLOCK_OFFSET_HEADER, String(offset()))
    const answer = await ask(`${worker.url}${at.pathname}${at.search}`, {
      dispatcher: agent,
      method: request.method as 'GET',
      headers: [...headers].flat(),
      body: request.body === null ? null : Readable.fromWeb(request.body as NodeReadableStream),
      signal: request.signal,
      responseHeaders: 'raw',
    })
    const pairs = answer.headers as unknown as string[]
    const answered = new Headers()
    for (let n = 0; n < pairs.length; n += 2) answered.append(String(pairs[n]), String(pairs[n + 1]))
    const bodiless = [204, 205, 304].includes(answer.statusCode) || request.method === 'HEAD'
    if (bodiless) await answer.body.dump()
    return new Response(bodiless ? null : toStream(answer.body), {
      status: answer.statusCode,
      headers: answered,
    })
  }

  async function control<Result>(command: string, input: unknown = null): Promise<Result> {
    const response = await send(
      new Request(`${CONTROL_ORIGIN}/${command}`, { method: 'POST', body: JSON.stringify(input) }),
    )
    if (response.status !== 200) throw new Error(`${command}: ${await response.text()}`)
    return (await response.json()) as Result
  }

  return {
    db: database.db,
    fetch: send,
    sweep: (sweepOptions) => control('sweep', sweepOptions),
    deliver: () => control('deliver'),
    runRetention: () => control('run-retention'),
    flushActivity: () => control('flush-activity'),
    setCanRunInBackground: (on) => control('can-run-in-background', on),
    // Every request carries the clock's offset, so this one delivers it.
    clockMoved: () => void control('running').catch(() => {}),
    logs: () => control<Logged[]>('logs'),
    async untilIdle() {
      while ((await control<number>('running')) > 0) await delay(5)
    },
    async close() {
      await worker.close()
      await agent.destroy()
      await network.close(0)
      await bridge.close()
      await database.close()
    },
  }
}

/** Readable.toWeb throws an uncatchable error when the reader cancels between two chunks. */
function toStream(body: Readable): ReadableStream<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await chunks.next()
      if (done === true) controller.close()
      else controller.enqueue(value)
    },
    cancel: () => void body.destroy(),
  })
}

async function sendOn(network: typeof fetch, request: Request): Promise<Response> {
  const headers = new Headers(request.headers)
  const origin = headers.get(ORIGIN_HEADER) ?? ''
  headers.delete(ORIGIN_HEADER)
  headers.delete('host')
  if (origin === ASSETS_ORIGIN) return new Response(await readDescription())
  const { pathname, search } = new URL(request.url)
  try {
    return await network(new Request(new Request(`${origin}${pathname}${search}`, request), { headers }))
  } catch (error) {
    // No such host: the caller sees a closed connection.
    if (error instanceof TypeError) throw new ConnectionLost()
    throw error
  }
}
