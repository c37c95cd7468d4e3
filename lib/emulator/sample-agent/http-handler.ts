// The HTTP handler of the sample agent: both versions of A2A over JSON-RPC, and its agent card.

import { A2A_VERSION_HEADER, AgentCard, SSE_HEADERS, formatSSEEvent } from '@a2a-js/sdk'
import {
  A2A_LEGACY_PROTOCOL_VERSION,
  isLegacyJsonRpcMethod,
  isV1JsonRpcMethod,
} from '@a2a-js/sdk/compat/v0_3'
import { LegacyJsonRpcTransportHandler } from '@a2a-js/sdk/compat/v0_3/server'
import { JsonRpcTransportHandler, ServerCallContext, validateVersion } from '@a2a-js/sdk/server'
import type { GuestMachine } from '../guests/host.ts'
import { createExecutor, SampleRequestHandler } from './executor.ts'
import { CAPABILITIES, type Settings, SKILLS, type Work } from './settings.ts'

const JSON_RPC_PARSE_ERROR = -32700

function buildCard({ name, description, version, url }: Settings): AgentCard {
  return AgentCard.fromJSON({
    name,
    description,
    version,
    supportedInterfaces: ['1.0', A2A_LEGACY_PROTOCOL_VERSION].map((protocolVersion) => ({
      url,
      protocolBinding: 'JSONRPC',
      protocolVersion,
    })),
    capabilities: CAPABILITIES,
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain'],
    skills: SKILLS,
  })
}

/** The routes of docs/facts/molecule.md §1.6: JSON-RPC on `POST /`, and the card at its new and its old path. */
export function createHttpHandler(
  machine: GuestMachine,
  settings: Settings,
  work: Work,
  running: AbortSignal,
  exit: (code: number) => void,
): (request: Request) => Promise<Response> {
  const card = buildCard(settings)
  const handler = new SampleRequestHandler(card, work, createExecutor(machine, work, running, exit))
  const transports = {
    legacy: new LegacyJsonRpcTransportHandler(handler),
    current: new JsonRpcTransportHandler(handler),
  }

  return async (request) => {
    const { pathname, searchParams } = new URL(request.url)
    const version = request.headers.get(A2A_VERSION_HEADER) || searchParams.get(A2A_VERSION_HEADER) || ''
    const isCard = pathname === '/.well-known/agent-card.json' || pathname === '/.well-known/agent.json'
    if (isCard && request.method === 'GET') return serveCard(card, settings, version)
    if (pathname !== '/' || request.method !== 'POST')
      return Response.json({ error: 'not found' }, { status: 404 })
    if (!isAuthorized(machine, settings, request))
      return Response.json({ error: 'unauthorized' }, { status: 401 })
    return answer(request, version)
  }

  /** One JSON-RPC call. Errors are answered with HTTP 200 (docs/facts/a2a.md §2.3). */
  async function answer(request: Request, version: string): Promise<Response> {
    let body: Record<string, unknown>
    try {
      body = (await request.json()) as Record<string, unknown>
    } catch {
      return Response.json({
        jsonrpc: '2.0',
        id: null,
        error: { code: JSON_RPC_PARSE_ERROR, message: 'Invalid JSON payload.' },
      })
    }
    const transport = speaksLegacy(body?.['method'], version) ? transports.legacy : transports.current
    const failed = (error: unknown) => ({
      jsonrpc: '2.0',
      id: body?.['id'] ?? null,
      error: JsonRpcTransportHandler.mapToJSONRPCError(error),
    })
    try {
      const context = new ServerCallContext(version === '' ? {} : { requestedVersion: version })
      validateVersion(context.requestedVersion, card, 'JSONRPC')
      const reply = await transport.handle(body, context)
      if (!(Symbol.asyncIterator in reply)) return Response.json(reply)
      // The SDK waits for the first event: an error before it is JSON and not a stream (docs/facts/a2a.md §2.5).
      const first = await reply.next()
      return new Response(eventStream(first, reply, failed), { headers: SSE_HEADERS })
    } catch (error) {
      return Response.json(failed(error))
    }
  }
}

/** The method name decides the A2A version (docs/facts/a2a.md §1.3). For an unknown method the version header decides. */
function speaksLegacy(method: unknown, version: string): boolean {
  if (isV1JsonRpcMethod(method)) return false
  return (
    isLegacyJsonRpcMethod(method) || (version || A2A_LEGACY_PROTOCOL_VERSION) === A2A_LEGACY_PROTOCOL_VERSION
  )
}

/** Refuses every request when there is no secret. The scheme is case-sensitive (docs/facts/molecule.md §1.6, `later:`). */
function isAuthorized(machine: GuestMachine, { configs }: Settings, request: Request): boolean {
  if (!/^(1|true|on|yes)$/i.test(machine.env['MOLECULE_A2A_REQUIRE_AUTH'] ?? '')) return true
  const secret = machine.readFile(`${configs}/.platform_inbound_secret`)?.trim()
  return Boolean(secret) && request.headers.get('authorization') === `Bearer ${secret}`
}

/** A 1.0 caller gets the 1.0 card. Others get the 0.3 shape with the 1.0 interfaces, as from the SDK's own server. */
function serveCard(card: AgentCard, { url }: Settings, version: string): Response {
  const current = AgentCard.toJSON(card) as object
  const legacy = {
    protocolVersion: A2A_LEGACY_PROTOCOL_VERSION,
    url,
    preferredTransport: 'JSONRPC',
    additionalInterfaces: [{ url, transport: 'JSONRPC' }],
  }
  const isLegacy = (version || A2A_LEGACY_PROTOCOL_VERSION) === A2A_LEGACY_PROTOCOL_VERSION
  return Response.json(isLegacy ? { ...current, ...legacy } : current, {
    headers: { vary: A2A_VERSION_HEADER },
  })
}

/**
 * The replies as server-sent events. A disconnected caller ends only the stream: the SDK stores the progress of a task
 * while its events are read, so they are read to the end and the task stays readable (docs/facts/a2a.md §2.6).
 */
function eventStream(
  first: IteratorResult<object, void>,
  rest: AsyncGenerator<object, void>,
  failed: (error: unknown) => object,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let open = true
  return new ReadableStream({
    start(controller) {
      const send = (reply: object) => open && controller.enqueue(encoder.encode(formatSSEEvent(reply)))
      const pump = async () => {
        if (!first.done) send(first.value)
        try {
          for await (const reply of rest) send(reply)
        } catch (error) {
          send(failed(error))
        }
        if (open) controller.close()
      }
      void pump()
    },
    cancel() {
      open = false
    },
  })
}
