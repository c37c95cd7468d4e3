// Traces as an OTLP collector receives them: from a server in its own process, for the whole life of one workspace.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createSampler } from '../../../functions/node/tracing/sampler.ts'
import { readOtlpSettings } from '../../../functions/node/tracing/settings.ts'
import { parseTraceparent } from '../../../lib/platform/trace.ts'
import { createNodeTracer } from '../../../functions/node/tracing/tracer.ts'
import { createPostgresDatabase } from '../../support/database.ts'
import { createServerFixture, startServer } from '../../support/server.ts'

type Value = { stringValue?: string; intValue?: string; doubleValue?: number; boolValue?: boolean }
type Pair = { key: string; value: Value }
type WireSpan = {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: Pair[]
  status?: { code: number; message: string }
}
type Export = { resourceSpans: { resource: { attributes: Pair[] }; scopeSpans: { spans: WireSpan[] }[] }[] }

const valueOf = (pairs: Pair[], name: string) => {
  const value = pairs.find(({ key }) => key === name)?.value
  return value?.stringValue ?? (value?.intValue === undefined ? value?.boolValue : Number(value.intValue))
}

async function startReceiver(first: number | 'no answer') {
  let status = first
  const exports: Export[] = []
  const headers: Record<string, unknown>[] = []
  let requests = 0
  const server = createServer((incoming, outgoing) => {
    requests++
    let body = ''
    incoming.on('data', (chunk) => (body += String(chunk)))
    incoming.on('end', () => {
      headers.push({ ...incoming.headers, path: incoming.url })
      if (status === 'no answer') return
      if (status === 200) exports.push(JSON.parse(body) as Export)
      outgoing.writeHead(status, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exports,
    headers,
    requests: () => requests,
    answer: (next: number) => void (status = next),
    spans: () =>
      exports.flatMap(({ resourceSpans }) =>
        resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)),
      ),
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const CALLER = '00f067aa0ba902b7'
const PARENT = `00-${TRACE}-${CALLER}-01`
const LATER_TRACE = '0af7651916cd43dd8448eb211c80319c'
const LATER = { traceparent: `00-${LATER_TRACE}-${CALLER}-01` }

let receiver: Awaited<ReturnType<typeof startReceiver>>

const hello = {
  jsonrpc: '2.0',
  id: '1',
  method: 'message/send',
  params: {
    message: { messageId: 'm-1', role: 'user', parts: [{ kind: 'text', text: 'a confidential text' }] },
  },
}

/** Uses an existing Postgres, which is faster than the embedded database. */
async function startTraced(settings: Record<string, string>) {
  const files = await createServerFixture()
  const DATABASE_URL = await createPostgresDatabase()
  const SECRETS_ENCRYPTION_KEY = 'ab'.repeat(32)
  const server = await startServer({
    ...files.settings,
    DATABASE_URL,
    SECRETS_ENCRYPTION_KEY,
    SWEEP_INTERVAL_SECONDS: '1',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    ...settings,
  })
  onTestFinished(async () => {
    await server.end('SIGKILL')
    files.remove()
  })
  return server
}

describe('a collector', () => {
  afterEach(() => receiver.close())

  test('a collector gets create, ready and messages as one tree, and the rest at shutdown', async () => {
    receiver = await startReceiver(200)
    const server = await startTraced({
      OTEL_SERVICE_NAME: 'my-workspaces',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test%20bed',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-api-key=a%2Ckey',
      LOG_LEVEL: 'info',
      // A sweep would take work from a request on a busy computer.
      SWEEP_INTERVAL_SECONDS: '3600',
    })
    // The first one too.
    await expect
      .poll(async () => (await fetch(new URL('/metrics', server.url))).text())
      .toContain('molecule_sweeps_total{')
    const headers = { traceparent: PARENT }
    const created = await server.call('/workspaces', {
      method: 'POST',
      headers: { prefer: 'wait=30', ...headers },
      json: { name: 'traced', runtime: 'hermes' },
    })
    expect([created.status, created.body['status']]).toEqual([201, 'ready'])
    const id = String(created.body['id'])
    const a2a = `/workspaces/${id}/a2a`
    expect((await server.call(a2a, { method: 'POST', headers, json: hello })).status).toBe(200)
    const later = { headers: { ...LATER, prefer: 'respond-async' }, json: hello }
    const { body } = await server.call(a2a, { method: 'POST', ...later })
    await server.call(new URL(String(body['url'])).pathname, { headers: { prefer: 'wait=20' } })
    await server.call('/healthz', { headers: { traceparent: PARENT.replace(/01$/, '00') } })
    expect((await server.end('SIGTERM')).code).toBe(0)

    const all = receiver.spans()
    const spans = all.filter(({ traceId }) => traceId === TRACE)
    const byId = new Map(spans.map((span) => [span.spanId, span]))
    const parentOf = (span: WireSpan | undefined) => byId.get(span?.parentSpanId ?? '')?.name
    const named = (name: string) => spans.find((span) => span.name === name)
    const read = (name: string, attribute: string) => valueOf(named(name)?.attributes ?? [], attribute)
    const create = named('POST /workspaces')
    expect(create).toMatchObject({ kind: 2, parentSpanId: CALLER })
    expect(read('POST /workspaces', 'http.route')).toBe('/workspaces')
    expect(read('POST /workspaces', 'http.response.status_code')).toBe(201)
    expect(read('POST /workspaces', 'molecule.request_id')).toBe(created.headers.get('x-request-id'))
    expect(parentOf(named('reconcile'))).toBe('POST /workspaces')
    expect(read('reconcile', 'molecule.workspace_id')).toBe(id)
    expect(parentOf(named('fly create_machine'))).toBe('reconcile')
    expect(read('fly create_machine', 'fly.request_id')).toMatch(/^[0-9A-Z]{26}-/)
    expect(named('A2A')).toMatchObject({ kind: 2, parentSpanId: CALLER })
    expect(parentOf(named('A2A exchange'))).toBe('A2A')
    expect(read('A2A exchange', 'rpc.method')).toBe('message/send')
    const statements = spans.filter(({ name }) => name.startsWith('sql '))
    expect(statements.map(parentOf)).toContain('POST /workspaces')
    // Every parent is exported, and no span ends before it begins.
    for (const span of spans) {
      expect(span.parentSpanId === CALLER || byId.has(span.parentSpanId ?? '')).toBe(true)
      expect(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano)).toBe(true)
    }
    // A stored message is delivered as a child of the request that stored it.
    const after = all.filter(({ traceId }) => traceId === LATER_TRACE)
    const idOf = (name: string) => after.find((span) => span.name === name)?.spanId
    expect(after.find(({ name }) => name === 'deliver message')?.parentSpanId).toBe(idOf('A2A'))
    expect(after.find(({ name }) => name === 'A2A exchange')?.parentSpanId).toBe(idOf('deliver message'))
    // A traceparent that is not sampled is not traced.
    expect(all.some(({ name }) => name === 'GET /healthz')).toBe(false)
    const sweeps = new Set(all.filter(({ name }) => name === 'sweep').map(({ spanId }) => spanId))
    const below = all.filter(({ parentSpanId }) => sweeps.has(parentSpanId ?? '')).map(({ name }) => name)
    expect(below).toEqual(expect.arrayContaining(['fly list_machines', 'sql update']))

    const resource = receiver.exports[0]?.resourceSpans[0]?.resource.attributes ?? []
    expect(valueOf(resource, 'service.name')).toBe('my-workspaces')
    expect(valueOf(resource, 'deployment.environment.name')).toBe('test bed')
    expect(receiver.headers[0]).toMatchObject({ 'x-api-key': 'a,key', path: '/v1/traces' })
    // Log lines carry the ids of their spans.
    const line = server.printed.stderr.split('\n').find((text) => text.includes('"path":"/workspaces"'))
    expect(line).toContain(`00-${TRACE}-${create?.spanId}-01`)
    // No content of a message, and no parameter of a statement.
    expect(JSON.stringify(receiver.exports)).not.toMatch(/confidential|"traced"/)
  })

  test('a silent collector delays neither a request nor the shutdown', async () => {
    receiver = await startReceiver('no answer')
    const server = await startTraced({})
    await vi.waitFor(() => expect(receiver.requests()).toBeGreaterThan(0), 30_000)
    expect((await server.call('/livez')).status).toBe(200)
    expect((await server.end('SIGTERM')).code).toBe(0)
    expect(server.printed.stderr).toContain('spans were not exported')
  })

  test('a refusing collector is logged once and gets the missed spans later', async () => {
    receiver = await startReceiver(503)
    const logged: string[] = []
    const tracer = createNodeTracer({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }, (_, message) =>
      logged.push(message),
    )
    if (tracer === undefined) throw new Error('no tracer')
    const span = (name: string) => tracer.span(name, {}, () => Promise.resolve())
    for (let times = 0; times < 600; times++) await span('one of many')
    await vi.waitFor(() => expect(logged).toEqual(['trace export fails']), 10_000)
    await span('one more')
    receiver.answer(200)
    await tracer.close(5_000)
    expect(receiver.spans()).toHaveLength(601)
    expect(logged).toEqual(['trace export fails', 'trace export works again'])
  })

  test("a failed span carries only the error's name", async () => {
    receiver = await startReceiver(200)
    const tracer = createNodeTracer({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }, () => {})
    const work = () => Promise.reject(new RangeError('confidential'))
    await expect(
      tracer?.span('it', { attributes: { yes: true, half: 0.5, no: undefined } }, work),
    ).rejects.toThrow()
    await tracer?.close(5_000)
    const [span] = receiver.spans()
    expect(span?.status).toEqual({ code: 2, message: 'RangeError' })
    expect(span?.attributes).toEqual([
      { key: 'yes', value: { boolValue: true } },
      { key: 'half', value: { doubleValue: 0.5 } },
    ])
  })
})

describe('the standard variables', () => {
  const read = (env: Record<string, string>) => {
    const problems: string[] = []
    return { settings: readOtlpSettings(env, (problem) => problems.push(problem)), problems }
  }
  const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' }

  test('OTEL variables need an endpoint, and the ones for traces take precedence', () => {
    expect(read({ OTEL_SERVICE_NAME: 'x' })).toEqual({ settings: undefined, problems: [] })
    expect(read(ENDPOINT).settings).toMatchObject({
      url: 'http://collector:4318/v1/traces',
      resource: { 'service.name': 'molecule-fly' },
    })
    expect(
      read({ ...ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://other/own/path' }).settings?.url,
    ).toBe('https://other/own/path')
    expect(read({ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }).settings).toBeUndefined()
    expect(read({ ...ENDPOINT, OTEL_SDK_DISABLED: 'TRUE' }).settings).toBeUndefined()
  })

  test('unusable OTEL variables are reported without their values', () => {
    for (const env of [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:secret' },
      { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: 'secret' },
      { ...ENDPOINT, OTEL_TRACES_SAMPLER: 'secret' },
      { ...ENDPOINT, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' },
    ]) {
      const { problems } = read(env)
      expect(problems).toHaveLength(1)
      expect(problems[0]).toMatch(/^OTEL_/)
      expect(problems[0]).not.toContain('secret')
    }
  })

  test('OTEL variables choose the sampler', () => {
    const report = () => {}
    const low = `${'f'.repeat(19)}${'0'.repeat(13)}`
    const high = 'f'.repeat(32)
    const keeps = (name: string | undefined, arg: string | undefined, id: string, parent?: boolean) =>
      createSampler(name, arg, report)(id, parent)
    expect(keeps(undefined, undefined, high)).toBe(true)
    expect(keeps(undefined, undefined, high, false)).toBe(false)
    expect(keeps('always_on', undefined, high, false)).toBe(true)
    expect(keeps('always_off', undefined, low, true)).toBe(false)
    expect(keeps('traceidratio', '0.5', low)).toBe(true)
    expect(keeps('traceidratio', '0.5', high, true)).toBe(false)
    expect(keeps('parentbased_traceidratio', '0.5', high, true)).toBe(true)
    expect(keeps('parentbased_traceidratio', '0.5', high)).toBe(false)
  })

  test('OTEL headers and traceparent are parsed', () => {
    expect(parseTraceparent(PARENT)).toEqual({ traceId: TRACE, spanId: '00f067aa0ba902b7', sampled: true })
    for (const bad of [
      undefined,
      '',
      'x',
      `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
      `ff${PARENT.slice(2)}`,
      `${PARENT}-x`,
    ])
      expect(parseTraceparent(bad)).toBeUndefined()
    expect(parseTraceparent(`01${PARENT.slice(2)}-more`)?.traceId).toBe(TRACE)
  })
})
