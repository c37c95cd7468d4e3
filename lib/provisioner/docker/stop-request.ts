// Whether the stop of a container was requested, from what the daemon remembers of its events: Docker does not store it,
// and an exit code alone does not tell a stop from a crash.
import type { DockerClient, DockerEvent } from '../../docker/client.ts'
import type { Machine, StopRequest } from '../provisioner.ts'

/** Events of requests. A request to stop or kill comes before the program's end. */
const REQUESTS = ['stop', 'kill', 'pause']

/**
 * The machine with the request that ended its last run. The daemon remembers some hundred events, and none from before
 * its own start: then the exit counts as the program's own.
 */
export async function withStopRequest(docker: DockerClient, machine: Machine, now: number): Promise<Machine> {
  const { phase, version } = machine
  if (version === undefined || (phase !== 'stopped' && phase !== 'suspended')) return machine
  const since = machine.exit === undefined ? 0 : machine.exit.at.getTime() / 1000 - RECENT_SECONDS
  const events = await docker.pastEvents(
    { container: [version], type: ['container'] },
    String(Math.max(0, Math.floor(since))),
    String(Math.ceil(now / 1000) + 1),
  )
  const began = events.findLastIndex(({ Action }) => Action === 'start' || Action === 'unpause')
  const request = events.slice(began + 1).find(({ Action }) => REQUESTS.includes(Action))
  if (request === undefined) return machine
  return {
    ...machine,
    stopRequest: toRequest(request),
    exit: machine.exit === undefined ? undefined : { ...machine.exit, requested: true },
  }
}

/** A stop takes at most as long as the program has to end; then it is killed. */
const RECENT_SECONDS = 120

const toRequest = ({ Action, timeNano }: DockerEvent): StopRequest => ({
  verb: Action === 'pause' ? 'suspend' : 'stop',
  source: null,
  at: timeNano === 0 ? null : new Date(timeNano / 1e6),
})
