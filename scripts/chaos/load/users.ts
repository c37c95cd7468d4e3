// Random users of the API: they create, change, pause, wake, remove, send and store messages through any replica, disconnect
// midway, and retry where an Idempotency-Key makes that safe. They record every answer.
import {
  messageFigures,
  openMessages,
  outcomesOf,
  type SentMessage,
  wrongMessages,
} from '../checks/messages.ts'
import { unsettled, wrongWorkspaces } from '../checks/workspaces.ts'
import type { ControlPlane } from '../control-plane.ts'
import type { Load } from '../parts.ts'
import { type Chance, sleep } from '../random.ts'
import type { World } from '../world.ts'
import { createClient, type Json } from './client.ts'

type Options = {
  world: World
  controlPlane: ControlPlane
  chance: (stream: string) => Chance
  /** Creates end early enough for the last ones to live for a while. */
  createMs: number
}

/** What the users of one control plane share. */
type Shared = Options & {
  /** Workspaces whose create was answered. */
  created: Set<string>
  messages: SentMessage[]
  /** Workspaces that they use: those that were created, and not those that were removed. */
  known: string[]
}

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

/** @param known gets the workspaces that other kinds of load may use too */
export function users(options: Options, known: string[]): Load {
  const { controlPlane, world } = options
  const shared: Shared = { ...options, created: new Set(), messages: [], known }
  return {
    name: 'users',
    async run(over) {
      const { workspaces } = controlPlane
      const count = Math.max(4, Math.min(16, Math.ceil(workspaces / 12)))
      const shares = Array.from({ length: count }, (_, user) => Math.floor((workspaces + user) / count))
      await Promise.all(shares.map((share, user) => runUser(shared, over, share, user)))
    },
    open: (remains) => [...unsettled(remains), ...openMessages(remains)],
    wrong: (remains) => [
      ...wrongWorkspaces(remains, shared.created, controlPlane.record.bad),
      ...wrongMessages(remains, shared.messages, world.arrivals),
    ],
    outcomes: () => outcomesOf(shared.messages),
    figures: (remains) => messageFigures(remains, shared.messages),
  }
}

async function runUser(shared: Shared, over: AbortSignal, share: number, user: number): Promise<void> {
  const { controlPlane, created, known, messages } = shared
  const { regions, runtimes } = shared.world
  const chance = shared.chance(`user ${controlPlane.name} ${user}`)
  const { call } = createClient(controlPlane, chance)
  const creator = async () => {
    for (let tries = 0, made = 0; made < share && !over.aborted; tries++) {
      if (await create(`${user}-${tries}`)) made++
      await chance.pause(0, (2 * shared.createMs) / share)
    }
  }
  const actor = async () => {
    while (!over.aborted) {
      await chance.pause(100, 900)
      if (known.length > 0 && !over.aborted) await act(chance.pick(known))
    }
  }
  await Promise.all([creator(), actor()])

  /** @returns whether an answer came */
  async function create(label: string): Promise<boolean> {
    const input = {
      name: `chaos ${label}`,
      runtime: chance.pick(runtimes),
      tier: chance.pick([2, 3, 4]),
      ...(chance.hit(0.6)
        ? { regions: [...new Set([chance.pick(regions), chance.pick(regions)])] }
        : { region: chance.pick(regions) }),
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
      controlPlane.record.bad.push(`one Idempotency-Key made ${ids.size} workspaces: ${[...ids].join(', ')}`)
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
    created.add(id)
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
        const region = chance.hit(0.3) ? { region: chance.pick(regions) } : {}
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
    const id = `m-${controlPlane.name}-${user}-${messages.length}`
    const text = chance.weighed({ echo: 20, fail: 1, 'long 2': 1, 'exit 3': 0.5 })
    const message: SentMessage = { id, workspace, outcome: 'unknown' }
    messages.push(message)
    const part = { kind: 'text', text: text === 'echo' ? id : text }
    const params = { message: { role: 'user', messageId: id, parts: [part] } }
    const body = { jsonrpc: '2.0', id, method: 'message/send', params }
    const headers: { [name: string]: string } = isStored ? { prefer: 'respond-async' } : {}
    const answer = await call('POST', `/workspaces/${workspace}/a2a`, { body, headers, isMessage: true })
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
      controlPlane.record.bad.push(`a message to ${workspace} got ${answer.status} without a reason`)
    if (message.reason === 'INTERNAL')
      controlPlane.record.bad.push(`a message to ${workspace} met an internal error`)
  }
}
