// The sample agent on a fake machine inside the test: what it sends to the platform is recorded, and requests reach its
// handler.

import { afterEach } from 'vitest'
import type { GuestMachine } from '../../lib/emulator/guests/host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'

type Call = { path: string; authorization: string | null; body: Record<string, unknown>; listening: boolean }
type BootOptions = {
  files?: Record<string, string>
  env?: Record<string, string>
  platform?: (call: Call) => Response
}
export type FakeMachine = {
  calls: Call[]
  lines: string[]
  /** The calls to the API of its own machine. */
  ownCalls: string[]
  files: Record<string, string>
  exited: Promise<number>
  /** The fetch of a client outside, which reaches the agent at any host name. */
  dial: typeof fetch
  port: () => number | undefined
  calledOn: (path: string) => Call[]
  stop: () => Promise<number>
}

const CONFIG =
  'name: "Ada: #1\\n"\ndescription: "Counts"\nruntime: "langgraph"\nskills:\n  - a\na2a:\n  port: 8123\n  streaming: true\n'
export const URL_8123 = 'http://machine-1:8123'
const started: FakeMachine[] = []

afterEach(async () => {
  for (const agent of started.splice(0)) await agent.stop()
})

/** Runs the program on a fake machine; resolves when it listens or is over. */
export async function boot({
  files = { '/configs/config.yaml': CONFIG },
  env = {},
  platform = () => Response.json({ status: 'registered' }),
}: BootOptions = {}): Promise<FakeMachine> {
  const calls: Call[] = []
  const lines: string[] = []
  const ownCalls: string[] = []
  const stop = new AbortController()
  const listening = Promise.withResolvers<void>()
  let served: { port: number; handler: (request: Request) => Response | Promise<Response> } | undefined
  const machine: GuestMachine = {
    env: {
      WORKSPACE_ID: 'w-1',
      HOSTNAME: 'machine-1',
      PLATFORM_URL: 'http://platform',
      FLY_REGION: 'ams',
      ...env,
    },
    readFile: (path) => files[path],
    writeFile: (path, text) => void (files[path] = text),
    listen(port, handler) {
      served = { port, handler }
      listening.resolve()
      return Promise.resolve()
    },
    fetch: async (input, init) => {
      const request = new Request(input, init)
      const call: Call = {
        path: new URL(request.url).pathname,
        authorization: request.headers.get('authorization'),
        body: (await request.json()) as Record<string, unknown>,
        listening: served !== undefined,
      }
      calls.push(call)
      return platform(call)
    },
    flyApi: async (method, path) => {
      ownCalls.push(`${method} ${path}`)
      return { status: 200, body: '' }
    },
    stopping: stop.signal,
    log: (line) => void lines.push(line),
  }
  const exited = sampleAgent(machine)
  await Promise.race([exited, listening.promise])
  const dial: typeof fetch = async (input, init) => served!.handler(new Request(input, init))
  const agent: FakeMachine = {
    calls,
    lines,
    ownCalls,
    files,
    exited,
    dial,
    port: () => served?.port,
    calledOn: (path: string) => calls.filter((call) => call.path === path),
    stop: () => {
      stop.abort()
      return exited
    },
  }
  started.push(agent)
  return agent
}

export const post = (agent: FakeMachine, body: unknown, headers: Record<string, string> = {}) =>
  agent.dial(`${URL_8123}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

export const legacySend = (text: string, method = 'message/send') => ({
  jsonrpc: '2.0',
  id: '1',
  method,
  params: {
    message: {
      kind: 'message',
      messageId: crypto.randomUUID(),
      role: 'user',
      parts: [{ kind: 'text', text }],
    },
  },
})
