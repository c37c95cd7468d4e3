// Runs attacks one after the other against a real server and measures its other workspace meanwhile; and the same attacks against
// a bare sink beside the server, which shows what the attackers alone cost on processors that all share.
import { setTimeout as sleep } from 'node:timers/promises'
import { freePorts } from '../../test/support/ports.ts'
import { startProxiedWorkspace } from '../../test/support/proxied-workspace.ts'
import type { AgentsAnswer, AgentsCommand } from './agents.ts'
import type { AttackerAnswer, AttackerCommand, Target } from './attacker.ts'
import type { Attack } from './attacks/attack.ts'
import { startHelper } from './helper-process.ts'
import { type Measurement, Neighbour, type Runtime } from './neighbour.ts'
import type { SinkCommand } from './sink.ts'

export type AttackResult = {
  name: string
  attack: Measurement
  /** While the same rounds go to the sink, as often as they went to the server; undefined where nothing is compared. */
  control: Measurement | undefined
  /** How often which status answered the requests of the attack. */
  statuses: Record<string, number>
  /** How often the hostile machine answered. */
  answers: number
}

export type RunOptions = {
  runtime: Runtime
  /** How long each attack lasts. */
  seconds: number
  /** How long the server rests before its memory is measured. */
  restSeconds: number
  /** A Postgres with our tables. */
  databaseUrl: string
  /** Whether latencies are compared with those of a control. */
  hasControl: boolean
  onQuiet: (quiet: Measurement) => void
  onResult: (result: AttackResult) => void
}

export type Rest = {
  /** Memory of the server when it has been at rest after all attacks, in MB. */
  memoryMb: number | undefined
  quietAgain: Measurement
}

/** The limits of a caller and of a workspace as they are without settings (docs/configuration.md). */
const DEFAULT_LIMITS = {
  A2A_MAX_IN_FLIGHT: '256',
  A2A_MAX_BYTES_IN_FLIGHT: '67108864',
  A2A_RATE_PER_MINUTE: '6000',
}

/** The quiet values are measured for longer, because all others are compared with them. */
const QUIET_TIMES = 3

/** Between an attack and the next measurement. */
const PAUSE_MS = 500

export async function runAttacks(attacks: readonly Attack[], options: RunOptions): Promise<Rest> {
  const { databaseUrl, hasControl, onQuiet, onResult, restSeconds, runtime, seconds } = options
  const agents = await startHelper<AgentsCommand>('agents.ts')
  const sink = hasControl ? await startHelper<SinkCommand>('sink.ts') : undefined
  const attacker = await startHelper<AttackerCommand>('attacker.ts')
  const agentUrl = urlOf(agents)
  const [probePort = 0] = await freePorts(1)
  const server =
    runtime === 'node'
      ? await startProxiedWorkspace(agentUrl, {
          databaseUrl,
          nodeOption: `--import=${new URL('uninterrupted-cpu.ts', import.meta.url).href}`,
          settings: { ...DEFAULT_LIMITS, UNINTERRUPTED_CPU_PORT: String(probePort) },
        })
      : await (
          await import('../../test/support/proxied-worker.ts')
        ).startProxiedWorker(agentUrl, {
          databaseUrl,
          inspectorPort: probePort,
          settings: DEFAULT_LIMITS,
        })
  const neighbour = new Neighbour(server, runtime, probePort)
  try {
    const { machineId: hostileMachine, ...identity } = await createHostileWorkspace(neighbour)
    const target: Target = { url: server.url, ...identity }
    await agents.send({ hostileMachine, attack: undefined })

    // The first requests of a process take longer.
    await neighbour.measure(seconds)
    onQuiet(await neighbour.measure(QUIET_TIMES * seconds))
    const measureControl = async (name: string, rounds: number, mostBytes: number) => {
      if (sink === undefined) return undefined
      await sink.send({ attack: name, mostBytes })
      const everyMs = (seconds * 1000) / Math.max(rounds, 1)
      await attacker.send({ attack: name, target: { ...target, url: urlOf(sink) }, everyMs })
      const control = await neighbour.measure(seconds)
      await attacker.send({ attack: null })
      await sink.send({ attack: undefined, mostBytes: 0 })
      await sleep(PAUSE_MS)
      return control
    }
    const run = async (name: string): Promise<void> => {
      await agents.send({ hostileMachine, attack: name })
      await attacker.send({ attack: name, target })
      const attack = await neighbour.measure(seconds)
      const { rounds, statuses } = (await attacker.send({ attack: null })) as AttackerAnswer
      const { answers, bytes } = (await agents.send({ hostileMachine, attack: undefined })) as AgentsAnswer
      await sleep(PAUSE_MS)

      const control = await measureControl(name, rounds, bytes / Math.max(answers, 1))
      onResult({ name, attack, control, statuses, answers })
    }
    const isLast = ({ stopsWorkerd }: Attack) => runtime === 'workerd' && stopsWorkerd === true
    for (const attack of attacks) if (!isLast(attack)) await run(attack.name)
    await sleep(restSeconds * 1000)
    const memoryMb = await neighbour.memoryMb()
    const quietAgain = await neighbour.measure(QUIET_TIMES * seconds)
    for (const attack of attacks) if (isLast(attack)) await run(attack.name)
    return { memoryMb, quietAgain }
  } finally {
    await attacker.stop()
    await server.stop()
    await Promise.all([agents.stop(), sink?.stop()])
  }
}

const urlOf = ({ ready }: { ready: unknown }): string => (ready as { url: string }).url

async function createHostileWorkspace(
  neighbour: Neighbour,
): Promise<{ workspaceId: string; machineId: string; agentToken: string; operatorToken: string }> {
  const post = async (path: string, json: object) => {
    const init = { method: 'POST', body: JSON.stringify(json), headers: { prefer: 'wait=30' } }
    const answer = await neighbour.call(path, init)
    if (!answer.ok) throw new Error(`POST ${path} was answered ${answer.status}: ${await answer.text()}`)
    return (await answer.json()) as Record<string, string>
  }
  const { id = '', machine_id: machineId = '' } = await post('/workspaces', {
    name: 'hostile',
    runtime: 'hermes',
  })
  const { auth_token: agentToken = '' } = await post(`/workspaces/${id}/tokens`, {})
  // Its messages are counted apart from those to the neighbour.
  const { token: operatorToken = '' } = await post('/tokens', {
    name: 'hostile',
    scopes: ['operate'],
  })
  return { workspaceId: id, machineId, agentToken, operatorToken }
}
