// `GET …/wait` (docs/facts/fly.md §2.3): holds a request until a machine reaches one of some states, for at most a
// minute.

import { FlyError } from '../shared/fly-error.ts'
import type { MachineRunner } from '../machines/machine-runner.ts'
import type { Runtime } from '../machines/runtime.ts'

type WaitQuery = {
  states: string[]
  timeoutSeconds: number
  version: string | undefined
  fromEventId: string | undefined
}

const WAITABLE = ['started', 'stopped', 'suspended', 'destroyed', 'failed', 'settled']
/** States that last until the next action. */
const RESTING = ['started', 'stopped', 'suspended', 'failed', 'destroyed', 'replaced']

/** @throws FlyError 400 for a timeout outside 1–60 s, or an unknown state */
export function parseWaitQuery(query: URLSearchParams): WaitQuery {
  const timeout = query.get('timeout')
  const timeoutSeconds = timeout === null || timeout === '' ? 60 : Number(timeout)
  if (!Number.isInteger(timeoutSeconds) || timeoutSeconds < 1 || timeoutSeconds > 60) {
    throw new FlyError(
      400,
      'invalid_argument: invalid WaitMachineRequest.Timeout: value must be inside range [1s, 1m0s]',
    )
  }
  const states = query
    .getAll('state')
    .flatMap((value) => value.split(','))
    .filter((state) => state !== '')
  const unknown = states.find((state) => !WAITABLE.includes(state))
  if (unknown !== undefined) throw new FlyError(400, `invalid_argument: cannot wait for state "${unknown}"`)
  return {
    states: states.length === 0 ? ['started'] : states,
    timeoutSeconds,
    version: query.get('version') ?? query.get('instance_id') ?? undefined,
    fromEventId: query.get('from_event_id') ?? undefined,
  }
}

/** @throws FlyError 408 after the timeout, 404 when the machine never had that version, 503 when the emulator closes */
export async function waitForState(
  runtime: Runtime,
  runner: MachineRunner,
  query: WaitQuery,
  gone: AbortSignal,
): Promise<Record<string, unknown>> {
  const { record } = runner
  if (query.version !== undefined && !record.versions.some(({ version }) => version === query.version)) {
    throw new FlyError(404, 'not_found: machine version not found')
  }
  /** A version that was superseded during the wait stays `replaced`. */
  const state = (): string =>
    query.version !== undefined && query.version !== record.version ? 'replaced' : record.state
  const newest = (): string => record.events[0]?.id ?? ''
  const reached = (): boolean =>
    (query.fromEventId === undefined || newest() > query.fromEventId) &&
    query.states.some((wanted) => (wanted === 'settled' ? RESTING.includes(state()) : wanted === state()))

  await new Promise<void>((resolve, reject) => {
    const closers: (() => void)[] = []
    const settle = (done: () => void): void => {
      for (const close of closers) close()
      done()
    }
    const look = (): void => {
      if (reached()) settle(resolve)
    }
    const onGone = (): void => settle(() => reject(new FlyError(503, 'unavailable: the wait was given up')))
    if (reached()) return resolve()
    closers.push(runner.onChange(look))
    closers.push(
      runtime.after(query.timeoutSeconds * 1000, () =>
        settle(() => reject(notReached(query.states, state()))),
      ),
    )
    for (const signal of [gone, runtime.closing]) {
      signal.addEventListener('abort', onGone, { once: true })
      closers.push(() => signal.removeEventListener('abort', onGone))
    }
    if (runtime.closing.aborted || gone.aborted) onGone()
  })
  if (runtime.faults.bareWait(record)) return { ok: true }
  return { ok: true, state: state(), event_id: newest(), version: query.version ?? record.version }
}

const notReached = (states: string[], state: string): FlyError =>
  new FlyError(
    408,
    `deadline_exceeded: machine failed to reach desired state, ${states.join(', ')}, currently ${state}`,
  )
