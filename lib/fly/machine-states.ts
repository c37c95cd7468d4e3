// Start, stop, suspend and restart machines, and wait for a state. Each method is one call to Fly; loops and deadlines
// belong to the caller.

import { isAnswer } from './errors.ts'
import type { CallOptions, Requester } from './request.ts'
import * as shapes from './shapes.ts'
import type { StartAnswer, StopMachineInput } from './shapes.ts'

/** `settled` stands for every state that does not end by itself (docs/facts/fly.md §3). */
export type WaitState = 'started' | 'stopped' | 'suspended' | 'destroyed' | 'failed' | 'settled'

export type WaitInput = {
  /** The wait ends in any of these. */
  states: readonly WaitState[]
  /** How long Fly waits before it answers 408: a whole number of seconds from 1 to 60. */
  timeoutSeconds: number
  /** Waits for this version of the machine; an earlier one may still be in the state. */
  version?: string
}

export type WaitOutcome =
  | { reached: true; state?: string; version?: string; eventId?: string }
  | { reached: false }

/** Added to Fly's own timeout, so that the 408 arrives before the fetch times out (docs/facts/fly.md §11). */
const WAIT_GRACE_MS = 10_000

/** Calls about a machine's state; all throw {@link FlyError}. */
export function machineStateCalls(request: Requester) {
  const pathOf = (app: string, id: string) => ['v1', 'apps', app, 'machines', id]

  return {
    /**
     * Throws `wrong_state` in a transitional state, `insufficient_capacity` on a full host (docs/facts/fly.md §2.3).
     */
    async startMachine(app: string, id: string, options: CallOptions = {}): Promise<StartAnswer> {
      const { body } = await request({
        action: 'start_machine',
        method: 'POST',
        path: [...pathOf(app, id), 'start'],
        app,
        read: shapes.startAnswer,
        options,
      })
      return body
    },

    /**
     * Requests a stop; returns before it is done. `timeout` is a Go duration such as "10s" (docs/facts/fly.md §2.3).
     */
    async stopMachine(
      app: string,
      id: string,
      input: StopMachineInput = {},
      options: CallOptions = {},
    ): Promise<void> {
      await request({
        action: 'stop_machine',
        method: 'POST',
        path: [...pathOf(app, id), 'stop'],
        app,
        body: input,
        options,
      })
    },

    /**
     * Requests a suspend; returns before it is done. Fly advises it up to 2 GB of memory (docs/facts/fly.md §4.5).
     */
    async suspendMachine(app: string, id: string, options: CallOptions = {}): Promise<void> {
      await request({
        action: 'suspend_machine',
        method: 'POST',
        path: [...pathOf(app, id), 'suspend'],
        app,
        options,
      })
    },

    /** Lets the Fly Proxy send requests to the machine again. */
    async uncordonMachine(app: string, id: string, options: CallOptions = {}): Promise<void> {
      await request({
        action: 'uncordon_machine',
        method: 'POST',
        path: [...pathOf(app, id), 'uncordon'],
        app,
        options,
      })
    },

    /** Restarts a started machine. `timeoutSeconds` is the program's time to stop; `force` kills it at once. */
    async restartMachine(
      app: string,
      id: string,
      { timeoutSeconds, force }: { timeoutSeconds?: number; force?: boolean } = {},
      options: CallOptions = {},
    ): Promise<void> {
      const query: [string, string][] = []
      if (timeoutSeconds !== undefined) query.push(['timeout', `${timeoutSeconds}s`])
      if (force !== undefined) query.push(['force_stop', String(force)])
      await request({
        action: 'restart_machine',
        method: 'POST',
        path: [...pathOf(app, id), 'restart'],
        app,
        query,
        options,
      })
    },

    /**
     * Waits until the machine is in one of the states. `reached: false` (Fly's 408) is an ordinary result: call again
     * until your own deadline. A 404 counts as reached when all states are `destroyed`; otherwise it is an error,
     * which right after create is lag (docs/facts/fly.md §2.3, §11).
     *
     * @throws {RangeError} without states, for `timeoutSeconds` outside 1 to 60, and for a `timeoutMs` below it
     */
    async waitForMachine(
      app: string,
      id: string,
      { states, timeoutSeconds, version }: WaitInput,
      options: CallOptions = {},
    ): Promise<WaitOutcome> {
      const [first] = states
      if (first === undefined) throw new RangeError('states must name at least one state')
      if (!Number.isInteger(timeoutSeconds) || timeoutSeconds < 1 || timeoutSeconds > 60) {
        throw new RangeError(`timeoutSeconds must be a whole number from 1 to 60, not ${timeoutSeconds}`)
      }
      if (options.timeoutMs !== undefined && options.timeoutMs <= timeoutSeconds * 1000) {
        throw new RangeError('timeoutMs must be longer than timeoutSeconds')
      }
      const query: [string, string][] = states.map((state) => ['state', state])
      query.push(['timeout', String(timeoutSeconds)])
      if (version !== undefined) query.push(['version', version])
      try {
        const { body } = await request({
          action: 'wait_machine',
          method: 'GET',
          path: [...pathOf(app, id), 'wait'],
          app,
          query,
          read: shapes.waitAnswer,
          timeoutMs: timeoutSeconds * 1000 + WAIT_GRACE_MS,
          options,
        })
        return {
          reached: true,
          ...(body.state !== undefined && { state: body.state }),
          ...(body.version !== undefined && { version: body.version }),
          ...(body.event_id !== undefined && { eventId: body.event_id }),
        }
      } catch (error) {
        if (isAnswer(error, 408)) return { reached: false }
        const wantedGone = states.every((state) => state === 'destroyed')
        if (wantedGone && isAnswer(error, 404)) return { reached: true, state: 'destroyed' }
        throw error
      }
    },
  }
}
