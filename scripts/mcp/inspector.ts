// Proves the MCP server with the official MCP Inspector (its command line mode): over HTTP at `/mcp` and on standard input and output
// by `molecule-fly mcp`, the inspector finds nothing to say about the tools, and calls every one of them. The first run installs the
// inspector into .cache/mcp. Usage: npm run proof:mcp
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { npm, preparePart } from '../field/parts.ts'
import { runStep } from '../field/run-step.ts'
import { startFuzzServer } from '../fuzz/server.ts'

const CACHE = fileURLToPath(new URL('../../.cache/mcp', import.meta.url))
const COMMAND_LINE = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))
const INSPECTOR = npm('@modelcontextprotocol/inspector@2.12.0')

type Result = Record<string, unknown>

/** Runs the inspector with arguments, over one transport. @returns what it printed, as JSON */
type Inspect = (...args: string[]) => Promise<Result>

/** The call of a tool. @throws Error when the answer is a failure, or has another value for a member that is expected */
async function callTool(inspect: Inspect, name: string, args: Result, expected: Result): Promise<Result> {
  const pairs = Object.entries(args).map(([key, value]) => `${key}=${String(value)}`)
  const answer = await inspect(
    '--method',
    'tools/call',
    '--tool-name',
    name,
    ...(pairs.length === 0 ? [] : ['--tool-arg', ...pairs]),
  )
  const content = (answer['structuredContent'] ?? {}) as Result
  for (const [key, value] of Object.entries(expected)) {
    const isRight = value instanceof RegExp ? value.test(String(content[key])) : content[key] === value
    if (answer['isError'] === true || !isRight) throw new Error(`${name}: ${JSON.stringify(answer)}`)
  }
  return content
}

/** @returns the number of tools, each of which was called */
async function proveTools(inspect: Inspect): Promise<number> {
  const { tools } = await inspect('--method', 'tools/list', '--strict')
  const listed = (tools as { name: string }[]).map(({ name }) => name)
  const called = new Set<string>()
  const call = (name: string, args: Result, expected: Result) => {
    called.add(name)
    return callTool(inspect, name, args, expected)
  }
  await call('list_workspaces', {}, { total: 0 })
  const input = { name: 'inspected', runtime: 'hermes', tier: 2, wait_seconds: 60 }
  const { id } = await call('create_workspace', input, { status: 'ready', tier: 2 })
  await call('list_workspaces', { status: 'ready', name: 'INSPECTED' }, { total: 1 })
  await call('get_workspace', { id }, { status: 'ready' })
  await call('wait_for_workspace', { id, wait_seconds: 30 }, { status: 'ready' })
  await call('send_message', { id, text: 'What region are you running in?' }, { text: 'ord' })
  const task = await call('send_message', { id, text: 'stream 2' }, { state: 'completed' })
  await call('get_task', { id, task_id: task['task_id'] }, { state: 'completed' })
  await call('explain_workspace', { id }, { explanation: /is ready since/ })
  await call('read_logs', { id, lines: 5 }, { logs: /\S/ })
  await call('restart_workspace', { id, wait_seconds: 60 }, { status: 'ready' })
  await call('remove_workspace', { id }, { status: 'removed' })
  const missed = listed.filter((name) => !called.has(name))
  if (missed.length > 0) throw new Error(`not called: ${missed.join(', ')}`)
  return listed.length
}

mkdirSync(CACHE, { recursive: true })
const { path } = preparePart(CACHE, 'inspector', INSPECTOR)
const server = await startFuzzServer({ MOLECULE_COMPAT: 'false' })
const stopPasses = server.keepPassing()
const token = await server.createToken('operate')
const TARGETS: Readonly<Record<string, readonly string[]>> = {
  '/mcp': [`${server.url}/mcp`, '--transport', 'http', '--header', `Authorization: Bearer ${token}`],
  'molecule-fly mcp': [
    process.execPath,
    COMMAND_LINE,
    'mcp',
    '-e',
    `MOLECULE_FLY_URL=${server.url}`,
    '-e',
    `MOLECULE_FLY_TOKEN=${token}`,
  ],
}
let failures = 0
for (const [name, target] of Object.entries(TARGETS)) {
  const inspect: Inspect = async (...args) => {
    const command = join(path, 'node_modules/.bin/mcp-inspector')
    return JSON.parse(await runStep(command, ['--cli', ...target, ...args], path)) as Result
  }
  try {
    console.log(`${name}: the inspector lists and calls ${await proveTools(inspect)} tools`)
  } catch (error) {
    failures++
    console.log(`${name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
stopPasses()
await server.close()
console.log(`mcp proven=${Object.keys(TARGETS).length - failures} failures=${failures}`)
process.exit(failures === 0 ? 0 : 1)
