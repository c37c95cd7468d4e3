// A small real A2A agent, built on the official SDK, that boots the way Molecule's runtime boots. It is the guest behind
// the tutorial and the tests: what works against it has met the true boot order, both A2A dialects and real streams.
import {
  A2A_VERSION_HEADER,
  AgentCard,
  Message,
  SSE_HEADERS,
  Task,
  TaskArtifactUpdateEvent,
  TaskStatusUpdateEvent,
  formatSSEEvent,
} from '@a2a-js/sdk'
import {
  A2A_LEGACY_PROTOCOL_VERSION,
  isLegacyJsonRpcMethod,
  isV1JsonRpcMethod,
} from '@a2a-js/sdk/compat/v0_3'
import { LegacyJsonRpcTransportHandler } from '@a2a-js/sdk/compat/v0_3/server'
import {
  AgentEvent,
  DefaultRequestHandler,
  InMemoryTaskStore,
  JsonRpcTransportHandler,
  ServerCallContext,
  validateVersion,
} from '@a2a-js/sdk/server'
import type { AgentExecutor, ExecutionEventBus, RequestContext } from '@a2a-js/sdk/server'
import type { GuestMachine, Program } from './host.ts'

const JSON_RPC_PARSE_ERROR = -32700
const REGISTER_TRIES = 8
const LONGEST_BACK_OFF_SECONDS = 30
const CALL_TIMEOUT_MS = 10_000
const CHUNK_PAUSE_MS = 50

/** What the agent knows of itself once its files and environment are read. */
type Settings = {
  id: string
  name: string
  description: string
  version: string
  runtime: string
  port: number
  /** The address the agent believes it has; on Fly nobody else can dial it (molecule.md §0.3). */
  url: string
  platform: string
  configs: string
}

/** What a heartbeat reports, counted by the executor (molecule.md §1.5). */
type Work = { requests: number; errors: number; sampleError: string; active: number; current: string }

/**
 * Boots, registers, serves, beats, until the machine is asked to stop (exit code 0) or a message says `exit N`.
 * Exit code 1 without `config.yaml` or `WORKSPACE_ID`, as the real runtime crash-loops (molecule.md §1.1).
 *
 * The first registration is tried before anything listens, because all runtimes do it in that order (molecule.md
 * §1.3). If it fails in a way worth repeating, the other tries go on behind a listening agent: a platform that is down
 * at boot must not keep its agents from answering.
 */
export const sampleAgent: Program = async (machine) => {
  const settings = readSettings(machine)
  if (typeof settings === 'string') {
    machine.log(settings)
    return 1
  }
  const work: Work = { requests: 0, errors: 0, sampleError: '', active: 0, current: '' }
  const over = new AbortController()
  const running = AbortSignal.any([machine.stopping, over.signal])
  const { promise: quit, resolve: exit } = Promise.withResolvers<number>()

  const tryAgain = await register(machine, settings, running)
  await machine.listen(settings.port, createDoor(machine, settings, work, running, exit))
  machine.log(`${settings.name} (${settings.runtime}) listens on port ${settings.port}`)
  const background = [beat(machine, settings, work, running)]
  if (tryAgain) background.push(registerLater(machine, settings, running))

  const exitCode = await Promise.race([quit, aborted(machine.stopping).then(() => 0)])
  over.abort()
  await Promise.all(background)
  return exitCode
}

export default sampleAgent

/** The settings, or a sentence on why the agent cannot boot. */
function readSettings(machine: GuestMachine): Settings | string {
  const { env } = machine
  const path = `${env['WORKSPACE_CONFIG_PATH'] || '/configs'}/config.yaml`
  const text = machine.readFile(path)
  if (text === undefined) return `FileNotFoundError: ${path}`
  if (!env['WORKSPACE_ID']) return 'WORKSPACE_ID is required'
  const config = parseFlatYaml(text)
  const port = Number(config.get('a2a.port') ?? 8000)
  const host = env['HOSTNAME'] || env['FLY_MACHINE_ID'] || 'localhost'
  return {
    id: env['WORKSPACE_ID'],
    name: config.get('name') || env['WORKSPACE_ID'],
    description: config.get('description') || config.get('role') || 'A sample agent',
    version: config.get('version') || '1.0.0',
    runtime: config.get('runtime') || 'langgraph',
    port,
    url: env['MOLECULE_WORKSPACE_URL'] || `http://${host}:${port}`,
    platform: (env['PLATFORM_URL'] || 'http://localhost:8080').replace(/\/+$/, ''),
    configs: env['CONFIGS_DIR'] || '/configs',
  }
}

/**
 * The subset of YAML the platform writes: `key: value` and one level of nesting, as `a.b`. Lists and deeper levels are
 * passed over. Strings are JSON-quoted there, because a newline in a name once injected keys (molecule.md §1.2).
 */
function parseFlatYaml(text: string): Map<string, string> {
  const values = new Map<string, string>()
  let parent = ''
  for (const line of text.split(/\r?\n/)) {
    const [, indent = '', key, raw = ''] = /^(\s*)([\w-]+):(?:\s+(.*))?$/.exec(line) ?? []
    if (key === undefined) continue
    if (indent === '') parent = key
    const value = unquote(raw.trim())
    if (value !== '') values.set(indent === '' ? key : `${parent}.${key}`, value)
  }
  return values
}

function unquote(raw: string): string {
  const quoted = /^("(?:[^"\\]|\\.)*")/.exec(raw)?.[1]
  if (quoted !== undefined) return JSON.parse(quoted) as string
  return raw.replace(/(^|\s)#.*$/, '').replace(/^'(.*)'$/, '$1')
}

/** Read at every call, file before environment: a rotated token is then noticed at the next beat (molecule.md §0.4). */
function readToken(machine: GuestMachine, { configs }: Settings): string | undefined {
  return machine.readFile(`${configs}/.auth_token`)?.trim() || machine.env['MOLECULE_WORKSPACE_TOKEN']
}

/** Posts JSON to the platform, with the bearer only if there is one. Rejects on transport errors and after 10 s. */
function tellPlatform(
  machine: GuestMachine,
  settings: Settings,
  path: string,
  body: object,
  signal: AbortSignal,
): Promise<Response> {
  const token = readToken(machine, settings)
  return machine.fetch(settings.platform + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
    signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]),
  })
}

/**
 * One registration (molecule.md §1.4). Failures are printed, never thrown. Answers whether another try may help: yes
 * after transport errors and 5xx, no after other refusals.
 */
async function register(machine: GuestMachine, settings: Settings, signal: AbortSignal): Promise<boolean> {
  const { id, url, name, description, version } = settings
  const agent_card = { name, description, version, url, skills: SKILLS, capabilities: CAPABILITIES }
  try {
    const response = await tellPlatform(
      machine,
      settings,
      '/registry/register',
      { id, url, agent_card },
      signal,
    )
    const text = await response.text()
    if (!response.ok) {
      machine.log(`register: ${response.status} ${text}`)
      return response.status >= 500
    }
    const { auth_token: token } = JSON.parse(text) as { auth_token?: unknown }
    if (typeof token === 'string') machine.writeFile(`${settings.configs}/.auth_token`, token)
    machine.log('registered')
    return false
  } catch (error) {
    machine.log(`register: ${String(error)}`)
    return !(error instanceof SyntaxError)
  }
}

/** The tries after the first, 1, 2, 4 … 30 s apart (molecule.md §1.4, `later:`). */
async function registerLater(machine: GuestMachine, settings: Settings, signal: AbortSignal): Promise<void> {
  for (let tried = 1; tried < REGISTER_TRIES; tried++) {
    await pause(Math.min(2 ** (tried - 1), LONGEST_BACK_OFF_SECONDS) * 1000, signal)
    if (signal.aborted || !(await register(machine, settings, signal))) return
  }
}

/** Beats at once and then every 30 s (`HEARTBEAT_SECONDS`). The answer's status is not looked at (molecule.md §1.5). */
async function beat(
  machine: GuestMachine,
  settings: Settings,
  work: Work,
  signal: AbortSignal,
): Promise<void> {
  const started = Date.now()
  const interval = Number(machine.env['HEARTBEAT_SECONDS'] || 30) * 1000
  while (!signal.aborted) {
    const heartbeat = {
      workspace_id: settings.id,
      error_rate: work.requests === 0 ? 0 : work.errors / work.requests,
      sample_error: work.sampleError,
      active_tasks: work.active,
      current_task: work.current,
      uptime_seconds: Math.floor((Date.now() - started) / 1000),
    }
    try {
      const response = await tellPlatform(machine, settings, '/registry/heartbeat', heartbeat, signal)
      await response.body?.cancel()
      Object.assign(work, { requests: 0, errors: 0, sampleError: '' })
    } catch (error) {
      if (!signal.aborted) machine.log(`heartbeat: ${String(error)}`)
    }
    await pause(interval, signal)
  }
}

const CAPABILITIES = { streaming: true, pushNotifications: false }
const SKILLS = [
  {
    id: 'echo',
    name: 'Echo',
    description:
      'Says which region it runs in, streams, works long, fails or exits when told to; else echoes.',
    tags: ['sample'],
  },
]

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

/** The agent's HTTP surface (molecule.md §1.6): JSON-RPC on `POST /`, the card at its new and its old place, no more. */
function createDoor(
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
    if (!admits(machine, settings, request)) return Response.json({ error: 'unauthorized' }, { status: 401 })
    return answer(request, version)
  }

  /** One JSON-RPC call. Errors ride on HTTP 200 (a2a.md §2.3). */
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
      // The SDK waits for the first event before it decides: an error until then is JSON, not a stream (a2a.md §2.5).
      const first = await reply.next()
      return new Response(eventStream(first, reply, failed), { headers: SSE_HEADERS })
    } catch (error) {
      return Response.json(failed(error))
    }
  }
}

/** The method name alone tells the dialect (a2a.md §1.3); an unknown method gets the error shape its version header asks for. */
function speaksLegacy(method: unknown, version: string): boolean {
  if (isV1JsonRpcMethod(method)) return false
  return (
    isLegacyJsonRpcMethod(method) || (version || A2A_LEGACY_PROTOCOL_VERSION) === A2A_LEGACY_PROTOCOL_VERSION
  )
}

/** Fails closed without a secret; the scheme is case-sensitive (molecule.md §1.6, `later:`). */
function admits(machine: GuestMachine, { configs }: Settings, request: Request): boolean {
  if (!/^(1|true|on|yes)$/i.test(machine.env['MOLECULE_A2A_REQUIRE_AUTH'] ?? '')) return true
  const secret = machine.readFile(`${configs}/.platform_inbound_secret`)?.trim()
  return Boolean(secret) && request.headers.get('authorization') === `Bearer ${secret}`
}

/** To a 1.0 caller the plain card; to all others the 0.3 shape with the 1.0 interfaces beside it, as the SDK's own server does. */
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
 * The replies as server-sent events. A caller who hangs up ends only the stream: the SDK stores what a task does while
 * somebody reads its events, so they are read to the end, and the task stays readable (a2a.md §2.6).
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

/** The SDK turns whatever an executor throws into a failed Task; a JSON-RPC error has to be thrown before the executor runs. */
class SampleRequestHandler extends DefaultRequestHandler {
  readonly #work: Work

  constructor(card: AgentCard, work: Work, executor: AgentExecutor) {
    super(card, new InMemoryTaskStore(), executor)
    this.#work = work
  }

  override sendMessage(...call: Parameters<DefaultRequestHandler['sendMessage']>) {
    const refusal = this.#refusal(call[0].message)
    return refusal ? Promise.reject(refusal) : super.sendMessage(...call)
  }

  override async *sendMessageStream(...call: Parameters<DefaultRequestHandler['sendMessageStream']>) {
    const refusal = this.#refusal(call[0].message)
    if (refusal) throw refusal
    yield* super.sendMessageStream(...call)
  }

  #refusal(message: Message | undefined): Error | undefined {
    this.#work.requests++
    if (message === undefined || textOf(message) !== 'fail') return undefined
    this.#work.errors++
    this.#work.sampleError = 'The sample agent was told to fail.'
    return new Error(this.#work.sampleError)
  }
}

/**
 * What the agent does with a message, by its text:
 * - contains `What region are you running in?`: the value of `FLY_REGION`
 * - `stream N`: a task with N pieces of an artifact, 50 ms apart
 * - `long N`: a task that works N seconds, one status update each
 * - `fail`: a JSON-RPC error (see {@link SampleRequestHandler})
 * - `exit N`: the program ends with that code and the message is never answered
 * - anything else: `Echo: <text>`
 *
 * Plain questions are answered by a Message and not a Task, so that `.result.parts[0].text` finds it (a2a.md §1.5).
 */
function createExecutor(
  machine: GuestMachine,
  work: Work,
  running: AbortSignal,
  exit: (code: number) => void,
): AgentExecutor {
  const tasks = new Map<string, AbortController>()

  return {
    async execute(call, bus) {
      const text = textOf(call.userMessage)
      const [, verb, count] = /^(stream|long|exit) (\d+)$/.exec(text) ?? []
      work.active++
      work.current = text.slice(0, 100)
      try {
        if (verb === 'exit') {
          exit(Number(count))
          await aborted(running)
        } else if (verb === 'stream' || verb === 'long') {
          await perform(call, bus, verb, Number(count))
        } else {
          const asked = text.includes('What region are you running in?')
          const reply = asked ? (machine.env['FLY_REGION'] ?? 'unknown') : `Echo: ${text}`
          bus.publish(AgentEvent.message(agentMessage(reply, { contextId: call.contextId })))
        }
      } finally {
        work.active--
        if (work.active === 0) work.current = ''
      }
    },
    // The work notices at its next pause and publishes the end itself, so a task has one voice.
    cancelTask(taskId) {
      tasks.get(taskId)?.abort()
      return Promise.resolve()
    },
  }

  async function perform(
    call: RequestContext,
    bus: ExecutionEventBus,
    verb: string,
    count: number,
  ): Promise<void> {
    const { taskId, contextId } = call
    const cancel = new AbortController()
    tasks.set(taskId, cancel)
    const say = (state: string, text: string) => ({
      state: `TASK_STATE_${state}`,
      message: Message.toJSON(agentMessage(text, { taskId, contextId })),
      timestamp: new Date().toISOString(),
    })
    const update = (state: string, text: string) =>
      bus.publish(
        AgentEvent.statusUpdate(
          TaskStatusUpdateEvent.fromJSON({ taskId, contextId, status: say(state, text) }),
        ),
      )

    bus.publish(AgentEvent.task(Task.fromJSON({ id: taskId, contextId, status: say('WORKING', 'started') })))
    for (let step = 1; step <= count; step++) {
      await pause(verb === 'long' ? 1000 : CHUNK_PAUSE_MS, AbortSignal.any([cancel.signal, running]))
      if (running.aborted) return
      if (cancel.signal.aborted) break
      if (verb === 'long') update('WORKING', `${step} of ${count} seconds`)
      else bus.publish(AgentEvent.artifactUpdate(chunk(call, step, count)))
    }
    tasks.delete(taskId)
    if (cancel.signal.aborted) update('CANCELED', 'canceled')
    else update('COMPLETED', 'done')
  }
}

function chunk({ taskId, contextId }: RequestContext, step: number, count: number): TaskArtifactUpdateEvent {
  return TaskArtifactUpdateEvent.fromJSON({
    taskId,
    contextId,
    artifact: { artifactId: 'chunks', name: 'chunks', parts: [{ text: `chunk ${step} of ${count}\n` }] },
    append: step > 1,
    lastChunk: step === count,
  })
}

function agentMessage(text: string, ids: { contextId: string; taskId?: string }): Message {
  return Message.fromJSON({ ...ids, messageId: crypto.randomUUID(), role: 'ROLE_AGENT', parts: [{ text }] })
}

function textOf(message: Message): string {
  const texts = message.parts.map(({ content }) => (content?.$case === 'text' ? content.value : ''))
  return texts.join('').trim()
}

/** Resolves when the signal aborts, at once if it has. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Resolves after the time, or as soon as the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const wake = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', wake)
      resolve()
    }
    const timer = setTimeout(wake, ms)
    signal.addEventListener('abort', wake)
  })
}
