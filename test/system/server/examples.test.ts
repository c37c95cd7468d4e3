// The examples that are no agents, run as their readmes say, against a real server: receivers of webhooks, notifications in Slack,
// and the workflow for pull requests.
import { spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { guardChild } from '../../support/child-guard.ts'
import { createPostgresDatabase } from '../../support/database.ts'
import type { Json } from '../../support/emulator.ts'
import { freePorts } from '../../support/ports.ts'
import { createServerFixture, type Server, startServer } from '../../support/server.ts'

const EXAMPLES = fileURLToPath(new URL('../../../examples', import.meta.url))
const isInstalled = (tool: string) => spawnSync(tool, ['--version']).error === undefined

const ADMIN_TOKEN = 'a-token-of-the-operator'
const SECRET = `whsec_${Buffer.alloc(24, 'k').toString('base64')}`

let files: Awaited<ReturnType<typeof createServerFixture>>
let server: Server
beforeAll(async () => {
  files = await createServerFixture()
  server = await startServer({
    ...files.settings,
    DATABASE_URL: await createPostgresDatabase(),
    SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 'e').toString('base64'),
    ADMIN_TOKEN,
  })
})
afterAll(async () => {
  await server.end('SIGTERM')
  files.remove()
})

const call = (path: string, init: { method?: string; json?: unknown; wait?: number } = {}) => {
  const { wait, ...rest } = init
  const headers = {
    authorization: `Bearer ${ADMIN_TOKEN}`,
    ...(wait === undefined ? {} : { prefer: `wait=${wait}` }),
  }
  return server.call<Json>(path, { ...rest, headers })
}

/** Starts a receiver on a free port, and waits until it listens. */
async function startReceiver(command: string, script: string, env: Record<string, string> = {}) {
  const [port = 0] = await freePorts(1)
  const all = { PORT: String(port), WEBHOOK_SECRET: SECRET, ...env }
  const { output } = await startExample('webhooks', command, script, all, 'listening on')
  return { url: `http://127.0.0.1:${port}/`, output }
}

/** Starts a program of an example until the end of the test, and waits until it prints a text. */
async function startExample(
  folder: string,
  command: string,
  script: string,
  env: Record<string, string>,
  printed: string,
) {
  const child = spawn(command, [script], {
    cwd: `${EXAMPLES}/${folder}`,
    env: { PATH: process.env['PATH'], PYTHONDONTWRITEBYTECODE: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const release = guardChild(child.pid)
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (bytes: string) => (output += bytes))
  const ended = new Promise((resolve) => child.once('close', resolve))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
    release()
  })
  await expect.poll(() => output, { timeout: 30_000 }).toContain(printed)
  return { output: () => output }
}

const EVENT = {
  type: 'gave_up',
  timestamp: '2026-01-02T03:04:05.000Z',
  data: {
    seq: 7,
    workspace_id: 'w-1',
    payload: {
      status: 'failed',
      reason: { code: 'crashed', message: 'It <crashed> & burned.', hint: 'Read its log.' },
    },
  },
}

/** Sends an event as the control plane does. @returns the status of the answer */
async function deliver(
  url: string,
  { body = JSON.stringify(EVENT), id = 'msg_1', at = new Date(), secret = SECRET } = {},
) {
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    // While a secret is rotated there are two signatures.
    'webhook-signature': `v1,b2xk ${new Webhook(secret).sign(id, at, body)}`,
  }
  return (await fetch(url, { method: 'POST', headers, body })).status
}

describe.each([
  { command: process.execPath, script: 'receiver.ts', isThere: true },
  { command: 'python3', script: 'receiver.py', isThere: isInstalled('python3') },
])('examples/webhooks/$script', ({ command, script, isThere }) => {
  test.runIf(isThere)(
    `${script} takes a signed event once, and refuses a wrong, an old and a too long one`,
    async () => {
      const { url, output } = await startReceiver(command, script)
      expect(await deliver(url)).toBe(204)
      expect(await deliver(url)).toBe(204)
      await expect.poll(() => output().match(/gave_up w-1 \{"status": ?"failed"/g)).toHaveLength(1)
      const other = `whsec_${Buffer.alloc(24, 'x').toString('base64')}`
      expect(await deliver(url, { id: 'msg_2', secret: other })).toBe(401)
      expect(await deliver(url, { id: 'msg_3', at: new Date(Date.now() - 600_000) })).toBe(401)
      expect((await fetch(url, { method: 'POST', body: '{}' })).status).toBe(401)
      const tooLong = JSON.stringify({ ...EVENT, more: 'x'.repeat(1_100_000) })
      expect(await deliver(url, { id: 'msg_4', body: tooLong }).catch(() => 413)).toBe(413)
      // One that it cannot handle must come again.
      expect(await deliver(url, { id: 'msg_5', body: '{"type":"x"}' })).toBe(500)
      expect(output().match(/gave_up/g)).toHaveLength(1)
    },
  )

  test.runIf(isThere)(`${script} receives the events of a workspace from a server`, async () => {
    const endpoint = { url: '', types: ['agent_answered'] }
    const [port = 0] = await freePorts(1)
    const { body } = await call('/webhook-endpoints', {
      method: 'POST',
      json: { ...endpoint, url: `http://127.0.0.1:${port}/` },
    })
    onTestFinished(async () => void (await call(`/webhook-endpoints/${body['id']}`, { method: 'DELETE' })))
    const { output } = await startReceiver(command, script, {
      PORT: String(port),
      WEBHOOK_SECRET: body['secret'],
    })
    const created = await call('/workspaces', {
      method: 'POST',
      json: { name: 'seen', runtime: 'hermes' },
      wait: 60,
    })
    await expect.poll(output, { timeout: 60_000 }).toContain(`agent_answered ${created.body['id']}`)
  })
})

test('examples/webhooks/slack.ts tells Slack what happened and why, and asks for the event again when Slack refuses', async () => {
  const posts: string[] = []
  let status = 200
  const slack = createServer((request, response) => {
    void text(request).then((body) => {
      posts.push(body)
      return response.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => slack.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void slack.close())
  const { port } = slack.address() as AddressInfo
  const { url } = await startReceiver(process.execPath, 'slack.ts', {
    SLACK_WEBHOOK_URL: `http://127.0.0.1:${port}/services/x`,
    MOLECULE_FLY_URL: 'https://agents.example.com',
  })
  status = 429
  expect(await deliver(url)).toBe(500)
  status = 200
  expect(await deliver(url)).toBe(204)
  expect(posts).toHaveLength(2)
  expect(JSON.parse(posts[1] ?? '')).toEqual({
    text: '<https://agents.example.com/workspaces/w-1/explain|w-1> :x: failed\n>It &lt;crashed&gt; &amp; burned. Read its log.',
  })
})

test.runIf(isInstalled('python3'))(
  'examples/external-agent/agent.py answers messages without a machine, also those that came before it',
  async () => {
    const { body: made } = await call('/workspaces', {
      method: 'POST',
      json: { name: 'counter', runtime: 'external' },
    })
    const id = made['id'] as string
    onTestFinished(async () => void (await call(`/workspaces/${id}`, { method: 'DELETE' })))
    const { body: token } = await call(`/workspaces/${id}/tokens`, { method: 'POST' })
    const ask = (text: string) =>
      call(`/workspaces/${id}/a2a`, {
        method: 'POST',
        json: {
          jsonrpc: '2.0',
          id: 1,
          method: 'message/send',
          params: { message: { role: 'user', parts: [{ kind: 'text', text }] } },
        },
      })
    const early = ask('before it was there')
    const env = {
      SERVER_URL: server.url,
      WORKSPACE_ID: id,
      WORKSPACE_TOKEN: token['auth_token'] as string,
    }
    await startExample('external-agent', 'python3', 'agent.py', env, 'connected')
    expect((await early).body).toMatchObject({ result: { parts: [{ text: '4 words' }] } })
    expect((await ask('how many words are these')).body).toMatchObject({
      result: { parts: [{ text: '5 words' }] },
    })
    expect((await call(`/workspaces/${id}`)).body).toMatchObject({ status: 'ready', machine_id: null })
  },
)

describe('examples/pull-request/workspace.yml', () => {
  type Step = { run: string; env?: Record<string, string> }
  type Workflow = {
    jobs: Record<'open' | 'close', { steps: Step[]; if: string }>
    env: Record<string, string>
  }
  const workflow = parse(readFileSync(`${EXAMPLES}/pull-request/workspace.yml`, 'utf8')) as Workflow
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps)

  test('the workflow gives no text of a pull request to a shell, and runs for no fork', () => {
    for (const { run } of steps) expect(run).not.toContain('${{')
    for (const job of Object.values(workflow.jobs))
      expect(job.if).toContain('head.repo.full_name == github.repository')
  })

  /** Runs a job's script as a runner of GitHub does. */
  async function runJob(
    name: 'open' | 'close',
    token: string,
  ): Promise<{ code: number | null; output: string }> {
    const { run = '' } = workflow.jobs[name].steps[0] ?? {}
    const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', run], {
      cwd: files.directory,
      env: {
        PATH: process.env['PATH'],
        URL: server.url,
        TOKEN: token,
        REPOSITORY: 'Acme/my_site.io',
        NUMBER: '7',
        BRANCH: 'a "b"; $(c)',
        POLL_SECONDS: '0.1',
      },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (bytes: string) => (output += bytes))
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    return { code, output }
  }

  test.runIf(isInstalled('curl') && isInstalled('jq'))(
    'the workflow creates one workspace, and removes it when the pull request is closed',
    async () => {
      const { body: made } = await call('/tokens', {
        method: 'POST',
        json: { name: 'pull-requests', scopes: ['operate'] },
      })
      const token = made['token'] as string
      const slug = 'pr-7-acme-my-site-io'
      for (let times = 0; times < 2; times++) {
        const { code, output } = await runJob('open', token)
        expect({ code, output }).toEqual({ code: 0, output: `${server.url}/workspaces/${slug} is ready\n` })
      }
      const { body } = await call(`/workspaces/${slug}`)
      expect(body).toMatchObject({
        name: slug,
        labels: { source: 'pull-request' },
      })
      const printed = await call(`/workspaces/${slug}/exec`, {
        method: 'POST',
        json: { command: ['printenv', 'BRANCH'] },
      })
      expect(printed.body['stdout']).toBe('a "b"; $(c)\n')
      for (let times = 0; times < 2; times++)
        expect(await runJob('close', token)).toEqual({ code: 0, output: '' })
      await expect
        .poll(async () => (await call(`/workspaces/${body['id']}`)).body['status'], { timeout: 60_000 })
        .toBe('removed')
      const refused = await runJob('open', 'mol_wrong')
      expect(refused.code).toBe(1)
      expect(refused.output).toContain('"status":401')
    },
  )
})
