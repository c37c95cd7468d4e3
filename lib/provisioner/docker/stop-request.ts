// Whether the stop of a container was requested, from what the daemon remembers of its events: Docker does not store it,
// and an exit code alone does not tell a stop from a crash.
import type { DockerClient, DockerEvent } from '../../docker/client.ts'
import type { Machine, StopRequest } from '../provisioner.ts'

/** Events of requests. A request to stop or kill comes before the program's end. */
const REQUESTS = ['stop', 'kill']

/** A stop takes at most as long as the program has to end; then it is killed. */
const BEFORE_MS = 120_000

/** The daemon notes a request after it was carried out, so some of its events are a little later than the end. */
const AFTER_MS = 1_000

/**
 * The machine with the request that ended its last run. The daemon remembers some hundred events, and none from before
 * its own start: then the exit counts as the program's own. Only the daemon's clock is read, because that of this host
 * may differ.
 */
export async function withStopRequest(docker: DockerClient, machine: Machine): Promise<Machine> {
  const { exit, phase, version } = machine
  // Nothing but a request pauses a container.
  if (phase === 'suspended') return { ...machine, stopRequest: { verb: 'suspend', source: null, at: null } }
  if (phase !== 'stopped' || exit === undefined || version === undefined) return machine
  const events = await docker.pastEvents(
    { container: [version], type: ['container'] },
    toSeconds(exit.at.getTime() - BEFORE_MS),
    toSeconds(exit.at.getTime() + AFTER_MS),
  )
  const began = events.findLastIndex(({ Action }) => Action === 'start' || Action === 'unpause')
  const request = events.slice(began + 1).find(({ Action }) => REQUESTS.includes(Action))
  if (request === undefined) return machine
  return { ...machine, stopRequest: toRequest(request), exit: { ...exit, requested: true } }
}

const toSeconds = (ms: number): string => (Math.max(0, ms) / 1000).toFixed(3)

const toRequest = ({ timeNano }: DockerEvent): StopRequest => ({
  verb: 'stop',
  source: null,
  at: timeNano === 0 ? null : new Date(timeNano / 1e6),
})
