// Why the last run of a container ended, from what the daemon remembers of its events: Docker does not store whether a stop
// was requested, and an exit code alone does not tell a stop from a crash.
import type { DockerClient, DockerEvent } from '../../docker/client.ts'
import type { Machine, StopRequest } from '../provisioner.ts'

/** Events of requests. A request to stop or kill comes before the program's end. */
const REQUESTS = ['stop', 'kill']

/** What a daemon that was killed does first when it is back: it ends the containers that outlived it. */
const ENDINGS = [...REQUESTS, 'die']

/** The daemon notes an end a little after it, on a busy computer some seconds. */
const AFTER_MS = 5_000

/**
 * The machine with the request that ended its last run. The daemon remembers some hundred events, and none from before its own
 * start, which ends containers too: without the event of its end, the exit says nothing about the program. Only the daemon's
 * clock is read, because that of this host may differ.
 */
export async function withStopRequest(docker: DockerClient, machine: Machine): Promise<Machine> {
  const { exit, phase, version } = machine
  // Nothing but a request pauses a container.
  if (phase === 'suspended') return { ...machine, stopRequest: { verb: 'suspend', source: null, at: null } }
  if (phase !== 'stopped' || exit === undefined || version === undefined) return machine
  const until = toSeconds(exit.at.getTime() + AFTER_MS)
  const events: DockerEvent[] = []
  for await (const event of await docker.pastEvents({ container: [version], type: ['container'] }, until)) {
    events.push(event)
    if (isEnd(event, exit.at)) break
  }
  const isRemembered = events.some((event) => isEnd(event, exit.at))
  if (!isRemembered) return exit.oomKilled ? machine : { ...machine, exit: undefined }
  const began = events.findLastIndex(({ Action }) => Action === 'start' || Action === 'unpause')
  const request = events.slice(began + 1).find(({ Action }) => REQUESTS.includes(Action))
  if (request === undefined) return machine
  if (began === -1 && (await isOfStart(docker, request, until))) return { ...machine, exit: undefined }
  return { ...machine, stopRequest: toRequest(request), exit: { ...exit, requested: true } }
}

const isEnd = ({ Action, timeNano }: DockerEvent, at: Date) =>
  Action === 'die' && timeNano / 1e6 >= at.getTime()

/** Whether a request is one of the daemon's own, at its start: nothing but ends comes before it. */
async function isOfStart(docker: DockerClient, request: DockerEvent, until: string): Promise<boolean> {
  for await (const { Action, timeNano } of await docker.pastEvents({}, until)) {
    if (timeNano >= request.timeNano) return true
    if (!ENDINGS.includes(Action)) return false
  }
  return true
}

const toSeconds = (ms: number): string => (Math.max(0, ms) / 1000).toFixed(3)

const toRequest = ({ timeNano }: DockerEvent): StopRequest => ({
  verb: 'stop',
  source: null,
  at: timeNano === 0 ? null : new Date(timeNano / 1e6),
})
