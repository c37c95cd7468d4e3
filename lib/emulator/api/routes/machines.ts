// List, create, get, update and delete machines, and read their events, versions and processes (docs/facts/fly.md §2.2,
// §2.5).

import type { Call, Route } from '../route.ts'
import { createMachine, updateMachine } from '../create-machine.ts'
import { FlyError } from '../../shared/fly-error.ts'
import type { MachineRunner } from '../../machines/machine-runner.ts'
import { parseCommand, runCommand } from '../run-command.ts'
import { pageOf, timeKey } from '../paging.ts'
import { renderEvent, renderMachine, renderOldVersion } from '../render.ts'

const MACHINES = '/v1/apps/:app/machines'
export const MACHINE = `${MACHINES}/:id`

export function addMachineRoutes(route: Route): void {
  route('GET', MACHINES, 'machine.list', listMachines)

  route('POST', MACHINES, 'machine.create', async (call) => {
    const { runner, nonce } = await createMachine(call.cloud, call.app(), await call.body(), call.owner)
    return Response.json(renderMachine(call.cloud.runtime, runner.record, { nonce }))
  })

  route('GET', MACHINE, 'machine.get', (call) => {
    const { record } = call.machine()
    const version = call.query.get('version')
    if (version !== null && version !== '') {
      const old = renderOldVersion(call.cloud.runtime, record, version)
      if (old === undefined) throw new FlyError(404, 'machine version not found')
      return Response.json(old)
    }
    return Response.json(
      renderMachine(call.cloud.runtime, record, { includeLeases: flag(call, 'include_leases') }),
    )
  })

  route('POST', MACHINE, 'machine.update', async (call) => {
    const body = await call.body()
    const runner = call.machineToWrite()
    const { nonce } = await updateMachine(call.cloud, runner, body, call.owner, call.nonce)
    return Response.json(renderMachine(call.cloud.runtime, runner.record, { nonce }))
  })

  route('DELETE', MACHINE, 'machine.delete', (call) => {
    const runner = call.machineToWrite()
    // The documented parameter is `force`; fly-go sends `kill`.
    const force = flag(call, 'force') || flag(call, 'kill')
    if (!runner.isGone) {
      if (!force && !['stopped', 'suspended', 'failed', 'created'].includes(runner.state)) {
        throw new FlyError(
          412,
          'failed_precondition: unable to destroy machine, not currently stopped, suspended, failed or created',
        )
      }
      void runner.destroy('user')
    }
    return Response.json({ ok: true })
  })

  route('GET', `${MACHINE}/events`, 'machine.events', (call) => {
    const limit = Number(call.query.get('limit') ?? 20)
    if (!Number.isInteger(limit) || limit < 1 || limit > 50) {
      throw new FlyError(400, 'invalid_argument: limit must be between 1 and 50')
    }
    return Response.json(call.machine().record.events.slice(0, limit).map(renderEvent))
  })

  route('GET', `${MACHINE}/versions`, 'machine.versions', (call) =>
    Response.json(
      call.machine().record.versions.map(({ version, config }) => ({ version, user_config: config })),
    ),
  )

  route('GET', `${MACHINE}/ps`, 'machine.ps', (call) => {
    const runner = call.machine()
    if (runner.state !== 'started' || runner.guest === undefined) throw notRunning(runner)
    const portClosed = call.cloud.runtime.faults.portClosed(runner.record)
    const sockets = portClosed ? [] : runner.guest.listening()
    return Response.json([
      {
        pid: 1,
        stime: 0,
        rtime: 0,
        command: runner.record.config.image,
        directory: '/',
        cpu: 0,
        rss: 0,
        listen_sockets: sockets.map(({ address, port }) => ({ proto: 'tcp', address: `${address}:${port}` })),
      },
    ])
  })

  route('POST', `${MACHINE}/exec`, 'machine.exec', async (call) => {
    const command = parseCommand(await call.body())
    const runner = call.machine()
    // flyctl takes no lease for a command, so none is required.
    if (call.cloud.runtime.faults.hostUnreachable(runner.record)) throw new FlyError(408, '', { empty: true })
    if (runner.state !== 'started' || runner.guest === undefined) throw notRunning(runner)
    return runCommand(runner.guest, command)
  })
}

function listMachines({ cloud, app, query }: Call): Response {
  const { runtime } = cloud
  const states = list(query.get('state'))
  const region = query.get('region')
  const metadata = [...query].filter(([key]) => key.startsWith('metadata.'))
  const includeDeleted = isTrue(query.get('include_deleted'))
  const found = cloud.machinesOf(app()).filter(({ record }) => {
    if (record.state === 'destroyed' && !includeDeleted) return false
    if (runtime.faults.hiddenFromLists(record)) return false
    if (states.length > 0 && !states.includes(record.state)) return false
    if (region !== null && region !== '' && record.region !== region) return false
    return metadata.every(([key, value]) => record.config.metadata?.[key.slice('metadata.'.length)] === value)
  })
  const page = pageOf(found, query, 1000, ({ record }) => timeKey(record.createdAt, record.id))
  const shown = { includeLeases: isTrue(query.get('include_leases')), summary: isTrue(query.get('summary')) }
  return Response.json(
    page.items.map(({ record }) => renderMachine(runtime, record, shown)),
    { headers: page.next === undefined ? {} : { 'fly-next-cursor': page.next } },
  )
}

const notRunning = (runner: MachineRunner): FlyError =>
  new FlyError(412, `failed_precondition: machine not running, currently ${runner.state}`)

/** `?x`, `?x=true` and `?x=1` are true. */
export const isTrue = (value: string | null): boolean => value !== null && value !== 'false' && value !== '0'
const flag = (call: Call, name: string): boolean => isTrue(call.query.get(name))
export const list = (value: string | null): string[] => (value ?? '').split(',').filter((item) => item !== '')
