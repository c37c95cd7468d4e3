// Where the control plane under test runs. The tests of test/behaviour know none of this: they are run in each of these places
// (`TEST_PLACE`), and say so where they cannot be.
import { test, type TestContext } from 'vitest'
import type { Database } from '../../drizzle/database.ts'
import type { Hono } from 'hono'
import type { AppEnv } from '../../functions/http/app-env.ts'
import type { LogFields, LogLevel } from '../../lib/platform/log.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import type { SweepOptions, SweepSummary } from '../../lib/control-plane/sweep.ts'
import { IN_WORKERD } from './place-name.ts'

export type Logged = { level: LogLevel; message: string; fields: LogFields }

export type PlaceOptions = {
  /** Settings, as a deployment has them. */
  env: Record<string, string>
  loopback: boolean
  launchRate: { perSecond: number; burst: number }
  /** Milliseconds that the clock is ahead. */
  offset: () => number
  /** All there is of the network. */
  outside: typeof fetch
}

export type Place = {
  /** The data, past the control plane. */
  db: Database
  fetch(request: Request): Promise<Response>
  sweep(options: SweepOptions): Promise<SweepSummary>
  /** One pass over what is to be delivered. */
  deliver(): Promise<void>
  keepHouse(): Promise<void>
  /** Writes down the activity that waits. */
  flush(): Promise<void>
  /** Whether work may go on for minutes after an answer. */
  setLongBackground(on: boolean): Promise<void>
  /** The clock was moved; told by a place that has to hear of it. */
  ticked?(): void
  logs(): Promise<Logged[]>
  /** Waits for everything that answers left running. */
  settled(): Promise<void>
  close(): Promise<void>
  /** What can be reached into where the control plane is in this process. */
  inside?: { services: Services; app: Hono<AppEnv> }
}

/** A test that reaches into the process of the control plane; elsewhere it is skipped, with the reason. */
export const testInside = (why: string, name: string, run: (context: TestContext) => Promise<void> | void) =>
  test(name, async (context) => {
    if (IN_WORKERD) context.skip(`cannot be run in workerd: ${why}`)
    await run(context)
  })
