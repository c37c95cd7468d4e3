// The control plane under test, whichever runtime it runs in. The tests of test/behaviour see only this interface: they run
// against every target (`TEST_TARGET`), and a test that cannot run against one is skipped with the reason.
import type { Hono } from 'hono'
import { test, type TestContext } from 'vitest'
import type { Database } from '../../drizzle/database.ts'
import type { AppEnv } from '../../functions/http/app-env.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import type { SweepOptions, SweepSummary } from '../../lib/control-plane/sweep.ts'
import type { LogFields, LogLevel } from '../../lib/platform/log.ts'
import { IN_WORKERD } from './test-target.ts'

export type Logged = { level: LogLevel; message: string; fields: LogFields }

export type ControlPlaneOptions = {
  /** Settings, as a deployment has them. */
  env: Record<string, string>
  loopback: boolean
  launchRate: { perSecond: number; burst: number }
  /** Milliseconds that the clock is ahead. */
  offset: () => number
  /** Receives every request that the control plane sends. */
  network: typeof fetch
}

export type ControlPlane = {
  /** The database, accessed without the control plane. */
  db: Database
  fetch(request: Request): Promise<Response>
  sweep(options: SweepOptions): Promise<SweepSummary>
  /** One pass over everything that is due for delivery. */
  deliver(): Promise<void>
  runRetention(): Promise<void>
  /** Writes the buffered activity to the database. */
  flushActivity(): Promise<void>
  /** Whether work may go on for minutes after a response. */
  setCanRunInBackground(on: boolean): Promise<void>
  /** Called after the clock was moved, where the control plane does not share this process's clock. */
  clockMoved?(): void
  logs(): Promise<Logged[]>
  /** Waits for all work that responses left running. */
  untilIdle(): Promise<void>
  close(): Promise<void>
  /** Present where the control plane runs in this process. */
  inProcess?: { services: Services; app: Hono<AppEnv> }
}

/** A test that needs the control plane in this process; in workerd it is skipped with the reason. */
export const testInProcess = (
  reason: string,
  name: string,
  run: (context: TestContext) => Promise<void> | void,
) =>
  test(name, async (context) => {
    if (IN_WORKERD) context.skip(`cannot run in workerd: ${reason}`)
    await run(context)
  })
