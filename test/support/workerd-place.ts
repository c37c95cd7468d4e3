// The control plane in workerd, over a real Postgres by way of Neon's driver or a Hyperdrive. Its whole network ends in this process.
import { Readable } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { Agent, request as ask } from 'undici'
import { inject } from 'vitest'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { listen } from '../../functions/node/http-server.ts'
import { ConnectionLost } from '../../lib/emulator/shared/connection-lost.ts'
import { createPostgresDatabase } from './database.ts'
import { startNeonBridge } from './neon-bridge.ts'
import type { Logged, Place, PlaceOptions } from './place.ts'
import { PLACE } from './place-name.ts'
import { plainly } from './plain-http.ts'
import { AHEAD, CONTROL, NAMED } from './worker-control.ts'
import { startWorkerd } from './worker.ts'

export async function openWorkerdPlace(options: PlaceOptions): Promise<Place> {
  const { env, launchRate, loopback, offset } = options
  const url = await createPostgresDatabase()
  const database = connectPostgres(url, { max: 4 })
  const bridge = await startNeonBridge()
  const network = await listen(() => new Response(null, { status: 500 }), {
    host: '127.0.0.1',
    port: 0,
    setting: 'a test',
    first: plainly((request) => leave(options.outside, request)),
  })
  const worker = await startWorkerd(
    inject('workerUnderTest'),
    {
      PLACE: JSON.stringify({
        env: { ...env, DATABASE_URL: url, NEON_HTTP_ENDPOINT: bridge.endpoint },
        loopback,
        launchRate,
        outside: `http://127.0.0.1:${network.port}`,
      }),
    },
    PLACE === 'hyperdrive' ? { hyperdrive: url } : {},
  )
  const agent = new Agent({ headersTimeout: 0, bodyTimeout: 0, pipelining: 0 })

  /** As it is on the wire: nothing is followed, unpacked or added. */
  async function knock(request: Request): Promise<Response> {
    const at = new URL(request.url)
    const headers = new Headers(request.headers)
    headers.set('host', at.host)
    headers.set(AHEAD, String(offset()))
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

  async function control<Result>(door: string, input: unknown = null): Promise<Result> {
    const response = await knock(
      new Request(`${CONTROL}/${door}`, { method: 'POST', body: JSON.stringify(input) }),
    )
    if (response.status !== 200) throw new Error(`${door}: ${await response.text()}`)
    return (await response.json()) as Result
  }

  return {
    db: database.db,
    fetch: knock,
    sweep: (sweepOptions) => control('sweep', sweepOptions),
    deliver: () => control('deliver'),
    keepHouse: () => control('keep-house'),
    flush: () => control('flush'),
    setLongBackground: (on) => control('long-background', on),
    // Each request tells the time: one that asks for nothing else does too.
    ticked: () => void control('running').catch(() => {}),
    logs: () => control<Logged[]>('logs'),
    async settled() {
      while ((await control<number>('running')) > 0) await new Promise((done) => setTimeout(done, 5))
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

/** Node's own conversion throws where nobody can catch it when a reader leaves between two chunks. */
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

async function leave(outside: typeof fetch, request: Request): Promise<Response> {
  const headers = new Headers(request.headers)
  const origin = headers.get(NAMED) ?? ''
  headers.delete(NAMED)
  headers.delete('host')
  const { pathname, search } = new URL(request.url)
  try {
    return await outside(new Request(new Request(`${origin}${pathname}${search}`, request), { headers }))
  } catch (error) {
    // Nobody is there: as far as HTTP can tell from here, the connection ends.
    if (error instanceof TypeError) throw new ConnectionLost()
    throw error
  }
}
