// The typed client against a whole control plane: pages, streams that continue, typed failures, and repeated requests
// that create nothing twice.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectToAgent } from '../../client/agent.ts'
import { ApiProblem, type ClientOptions, createClient, type Event } from '../../client/client.ts'
import { messageRequest } from '../../client/conversation.ts'
import { externalAgents } from '../support/external-agents.ts'
import { createHarness, type Harness } from '../support/harness.ts'

const SERVER = 'http://localhost:8080'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())

const { connect, fetchOne, respond } = externalAgents(() => h)

/** Sends a request of the client to the control plane. */
const send: typeof globalThis.fetch = (input, init) => {
  const { body, headers, method, signal, url } = new Request(input, init)
  const { pathname, search } = new URL(url)
  return h.fetchRaw(`${pathname}${search}`, { method, headers, body, signal })
}

const clientWith = (options: Partial<ClientOptions> = {}) =>
  createClient({ url: SERVER, fetch: send, ...options })

test('all pages of a list are read', async () => {
  const made = []
  for (const name of ['one', 'two', 'three']) made.push((await h.createWorkspace({ name })).id)
  const listed: string[] = []
  for await (const { id } of clientWith().listWorkspaces({ limit: 2 })) listed.push(id)
  expect(listed).toEqual(made)
  const disks: string[] = []
  for await (const disk of clientWith().listDisks({ limit: 2 })) disks.push(disk.workspace_id ?? 'none')
  expect(disks.toSorted()).toEqual(made.toSorted())
})

test('a create whose answer is lost is repeated, and creates one workspace', async () => {
  let calls = 0
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const response = await send(input, init)
    calls++
    if (calls > 1) return response
    throw new TypeError('fetch failed')
  }
  const created = await clientWith({ fetch }).createWorkspace({ name: 'only-once', runtime: 'hermes' })
  expect(calls).toBe(2)
  const named: string[] = []
  for await (const { id, name } of clientWith().listWorkspaces()) if (name === 'only-once') named.push(id)
  expect(named).toEqual([created.id])
})

test('a change without an idempotency key is not repeated after a lost answer', async () => {
  const { id } = await h.createWorkspace()
  let calls = 0
  const fetch: typeof globalThis.fetch = () => {
    calls++
    return Promise.reject(new TypeError('fetch failed'))
  }
  const { api } = clientWith({ fetch })
  await expect(api.POST('/workspaces/{id}/restart', { params: { path: { id } } })).rejects.toMatchObject({
    name: 'ApiProblem',
    code: 'unreachable',
    status: 0,
  })
  expect(calls).toBe(1)
})

test('a failure is thrown with its code, its fields and its request id', async () => {
  const failure = await clientWith()
    .createWorkspace({ name: '', runtime: 'hermes' })
    .catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(ApiProblem)
  expect(failure).toMatchObject({ status: 400, code: 'invalid_input', errors: [{ field: 'name' }] })
  expect((failure as ApiProblem).requestId).toMatch(/^[0-9a-f-]{36}$/)
})

test('an answer that is not of this API is named as such', async () => {
  const fetch = () => Promise.resolve(new Response('<h1>Bad gateway</h1>', { status: 418 }))
  await expect(
    clientWith({ fetch, url: 'http://proxy.test' }).getWorkspace(crypto.randomUUID()),
  ).rejects.toMatchObject({
    code: 'unexpected_response',
    status: 418,
  })
})

test('a stream of events that breaks continues without a gap and without a repetition', async () => {
  const { id } = await h.createWorkspace()
  const client = clientWith({
    fetch: async (input, init) => {
      const response = await send(input, init)
      if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) return response
      return new Response(afterTwoEvents(response), response)
    },
  })
  const seen: Event[] = []
  for await (const event of client.followEvents({ after: 0, workspaceId: id })) {
    seen.push(event)
    if (event.type === 'agent_answered') break
  }
  const stored: Event[] = []
  for await (const event of clientWith().listEvents({ workspaceId: id })) stored.push(event)
  expect(seen).toEqual(stored.slice(0, seen.length))
  expect(seen.length).toBeGreaterThan(2)
})

test('a stream that breaks before its first event continues where it began', async () => {
  let isBroken = false
  const client = clientWith({
    fetch: async (input, init) => {
      const response = await send(input, init)
      if (isBroken || response.headers.get('content-type')?.startsWith('text/event-stream') !== true)
        return response
      // The position is read, then the connection is lost, and a workspace is created before the next one.
      isBroken = true
      const reader = response.body?.getReader()
      const first = await reader?.read()
      await reader?.cancel()
      await h.createWorkspace({ name: 'meanwhile' })
      return new Response(first?.value, response)
    },
  })
  for await (const { payload, type } of client.followEvents()) {
    expect({ type, name: 'name' in payload && payload.name }).toEqual({
      type: 'workspace_created',
      name: 'meanwhile',
    })
    break
  }
})

test('the A2A client of the SDK is bound to a workspace', async () => {
  const { id } = await h.createWorkspace()
  const agent = await connectToAgent(clientWith(), id)
  const pieces = []
  const message = {
    messageId: 'm1',
    role: 1,
    parts: [{ content: { $case: 'text', value: 'hello' }, metadata: undefined, filename: '', mediaType: '' }],
  }
  for await (const piece of agent.sendMessageStream({ message } as never)) pieces.push(piece)
  expect(JSON.stringify(pieces)).toContain('Echo: hello')
})

test('the A2A client of the SDK talks to an agent that runs elsewhere, and says where a late answer will be', async () => {
  const agent = await connect()
  const ask = async (options: Partial<ClientOptions> = {}) => {
    const connected = await connectToAgent(clientWith(options), agent.id)
    const message = messageRequest('how many words', { contextId: '', taskId: '' })
    const pieces = []
    for await (const piece of connected.sendMessageStream(message)) pieces.push(piece)
    return JSON.stringify(pieces)
  }
  const answered = ask()
  await respond(agent, (await fetchOne(agent)).id, { text: 'three words' })
  expect(await answered).toContain('three words')

  const fetch: typeof globalThis.fetch = (input, init) => {
    const request = new Request(input, init)
    request.headers.set('prefer', 'wait=0')
    return send(request)
  }
  await expect(ask({ fetch })).rejects.toMatchObject({
    name: 'ApiProblem',
    status: 202,
    message: expect.stringMatching(/its answer will be at http\S+\/messages\//) as string,
  })
})

/** The body of a stream up to its second event; then the connection is lost. */
function afterTwoEvents(response: Response): ReadableStream<Uint8Array> {
  let events = 0
  return (response.body as ReadableStream<Uint8Array>).pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        controller.enqueue(chunk)
        events += new TextDecoder().decode(chunk).split('\ndata: ').length - 1
        if (events >= 2) controller.error(new TypeError('terminated'))
      },
    }),
  )
}
