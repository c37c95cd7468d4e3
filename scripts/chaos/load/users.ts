// Random users of the API: they create, change, pause, wake, remove, send and store messages through any replica, disconnect
// midway, and retry where an Idempotency-Key makes that safe. They record every answer.
import { type Chance, sleep } from './random.ts'
import type { Replica } from './replica.ts'

/** The admin token that all users share. */
export const USERS_TOKEN = 'the-users-of-chaos'

export type Message = {
  id: string
  workspace: string
  /**
   * `answered` by the agent; `refused` by the control plane, which says whether it may have arrived; `stored` for later
   * delivery; `unknown`: no answer came.
   */
  outcome: 'answered' | 'refused' | 'unknown' | 'stored'
  delivered?: unknown
  reason?: unknown
}

export type UserRecord = {
  /** Workspaces whose create was answered. */
  created: Set<string>
  messages: Message[]
  requests: number
  /** Answers that no caller should get: failures without a code, and internal errors. */
  bad: string[]
}

type Options = {
  chance: (stream: string) => Chance
  replicas: readonly Replica[]
  regions: readonly string[]
  workspaces: number
  /** Creates end early enough for the last ones to live for a while. */
  createMs: number
  over: AbortSignal
}

type Json = Record<string, unknown>
type Answer = { status: number; body: Json }

const VERBS = {
  pause: 4,
  resume: 5,
  restart: 4,
  hibernate: 3,
  patch: 3,
  remove: 3,
  message: 14,
  store: 6,
  secret: 1,
  explain: 1,
  fleet: 0.3,
}

export async function runUsers(options: Options): Promise<UserRecord> {
  const record: UserRecord = { created: new Set(), messages: [], requests: 0, bad: [] }
  const known: string[] = []
  const count = Math.max(4, Math.min(16, Math.ceil(options.workspaces / 12)))
  const shares = Array.from({ length: count }, (_, user) => Math.floor((options.workspaces + user) / count))
  await Promise.all(shares.map((share, user) => runUser(options, record, known, share, user)))
  return record
}

async function runUser(
  options: Options,
  record: UserRecord,
  known: string[],
  share: number,
  user: number,
): Promise<void> {
  const chance = options.chance(`user ${user}`)
  const creator = async () => {
    for (let tries = 0, made = 0; made < share && !options.over.aborted; tries++) {
      if (await create(`${user}-${tries}`)) made++
      await chance.pause(0, (2 * options.createMs) / share)
    }
  }
  const actor = async () => {
    while (!options.over.aborted) {
      await chance.pause(100, 900)
      if (known.length > 0 && !options.over.aborted) await act(chance.pick(known))
    }
  }
  await Promise.all([creator(), actor()])

  /** @returns whether an answer came */
  async function create(label: string): Promise<boolean> {
    const input = {
      name: `chaos ${label}`,
      runtime: chance.pick(['langgraph', 'hermes', 'codex']),
      tier: chance.pick([2, 3, 4]),
      ...(chance.hit(0.6)
        ? { regions: [...new Set([chance.pick(options.regions), chance.pick(options.regions)])] }
        : { region: chance.pick(options.regions) }),
      ...(chance.hit(0.15) && known.length > 0 ? { parent_id: chance.pick(known) } : {}),
      ...(chance.hit(0.1) ? { idle_minutes: 1 } : {}),
    }
    if (chance.hit(0.5)) return createOnce(input)
    // A careful client: the same key until any replica answers.
    const headers = { 'idempotency-key': `key-${label}` }
    const ids = new Set<string>()
    const again = chance.hit(0.3) ? 2 : 1
    for (let tries = 0, answers = 0; tries < 20 && answers < again; tries++) {
      const answer = await call('POST', '/workspaces', { body: input, headers })
      if (answer !== undefined && answer.status < 500) answers++
      if (answer?.status === 201) ids.add(String(answer.body['id']))
      if (answer === undefined) await sleep(500)
    }
    if (ids.size > 1)
      record.bad.push(`one Idempotency-Key made ${ids.size} workspaces: ${[...ids].join(', ')}`)
    ids.forEach(learn)
    return ids.size > 0
  }

  async function createOnce(input: Json): Promise<boolean> {
    const answer = await call('POST', '/workspaces', { body: input })
    if (answer?.status !== 201) return false
    learn(String(answer.body['id']))
    return true
  }

  function learn(id: string): void {
    record.created.add(id)
    known.push(id)
  }

  /** Removed workspaces are mostly, but not always, left alone. */
  function forget(id: string): void {
    if (chance.hit(0.8) && known.includes(id)) known.splice(known.indexOf(id), 1)
  }

  async function act(id: string): Promise<void> {
    const path = `/workspaces/${id}`
    const verb = chance.weighed(VERBS)
    switch (verb) {
      case 'pause':
      case 'resume':
      case 'restart':
        await call('POST', `${path}/${verb}`, verb === 'restart' ? { body: {} } : {})
        return
      case 'hibernate':
        await call('POST', `${path}/hibernate${chance.hit(0.5) ? '?force=true' : ''}`)
        return
      case 'patch': {
        const region = chance.hit(0.3) ? { region: chance.pick(options.regions) } : {}
        await call('PATCH', path, { body: { tier: chance.pick([2, 3, 4]), ...region } })
        if (chance.hit(0.7)) await call('POST', `${path}/restart`, { body: {} })
        return
      }
      case 'remove':
        if ((await call('DELETE', `${path}${chance.hit(0.5) ? '?confirm=true' : ''}`))?.status === 200)
          forget(id)
        return
      case 'message':
        return send(await pickAwake(id), false)
      case 'store':
        return send(await pickAwake(id), true)
      case 'secret':
        await call('PUT', `${path}/secrets${chance.hit(0.3) ? '?restart=true' : ''}`, {
          body: { key: 'CHAOS', value: String(chance.next()) },
        })
        return
      case 'explain':
        await call('GET', `${path}/explain`)
        return
      case 'fleet':
        await call('GET', '/fleet')
    }
  }

  /** Mostly a workspace whose agent can answer, because messages to removed or paused ones prove little. */
  async function pickAwake(first: string): Promise<string> {
    let id = first
    for (let tries = 0; tries < 3; tries++) {
      const status = (await call('GET', `/workspaces/${id}`))?.body['status']
      // Another user may have removed the last known workspace meanwhile.
      if (['ready', 'degraded', 'hibernated'].includes(String(status)) || known.length === 0) return id
      id = chance.pick(known)
    }
    return id
  }

  async function send(workspace: string, isStored: boolean): Promise<void> {
    const id = `m-${user}-${record.messages.length}`
    const text = chance.weighed({ echo: 20, fail: 1, 'long 2': 1, 'exit 3': 0.5 })
    const message: Message = { id, workspace, outcome: 'unknown' }
    record.messages.push(message)
    const part = { kind: 'text', text: text === 'echo' ? id : text }
    const params = { message: { role: 'user', messageId: id, parts: [part] } }
    const body = { jsonrpc: '2.0', id, method: 'message/send', params }
    const headers: Record<string, string> = isStored ? { prefer: 'respond-async' } : {}
    const answer = await call('POST', `/workspaces/${workspace}/a2a`, { body, headers }, true)
    if (answer === undefined) return
    if (answer.status === 202) {
      message.outcome = 'stored'
      return
    }
    const { result, error } = answer.body as { result?: unknown; error?: { data?: Json } }
    // An error of the agent has no `delivered`.
    const isRefused = result === undefined && error?.data?.['delivered'] !== undefined
    message.outcome = isRefused ? 'refused' : 'answered'
    message.delivered = error?.data?.['delivered']
    message.reason = error?.data?.['reason']
    if (result === undefined && error === undefined)
      record.bad.push(`a message to ${workspace} got ${answer.status} without a reason`)
    if (message.reason === 'INTERNAL') record.bad.push(`a message to ${workspace} met an internal error`)
  }

  /** Mostly a running one, as behind a load balancer that notices late. */
  function pickReplica(): string {
    const living = options.replicas.filter((replica) => replica.isUp())
    return chance.pick(living.length > 0 && chance.hit(0.9) ? living : options.replicas).url
  }

  /** One request, sometimes aborted early. @returns undefined when no answer came */
  async function call(
    method: string,
    path: string,
    { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
    isMessage = false,
  ): Promise<Answer | undefined> {
    const base = pickReplica()
    const timeoutMs = chance.hit(0.06) ? chance.between(1, 400) : 90_000
    const waits = !isMessage && chance.hit(0.15)
    record.requests++
    try {
      const response = await fetch(`${base}${path}`, {
        method,
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          authorization: `Bearer ${USERS_TOKEN}`,
          ...headers,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(waits ? { prefer: `wait=${chance.between(1, 5)}` } : {}),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      const answer: Answer = { status: response.status, body: (await response.json()) as Json }
      const hasNoCode = !isMessage && answer.status >= 400 && typeof answer.body['code'] !== 'string'
      if (hasNoCode || answer.body['code'] === 'internal')
        record.bad.push(`${method} ${path} got ${answer.status}: ${JSON.stringify(answer.body)}`)
      return answer
    } catch {
      // The replica is down, ends now, or the request was aborted.
      return undefined
    }
  }
}
