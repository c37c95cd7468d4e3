// The server on this computer: whether it runs and is ready, or whether it could start.
import { createServer } from 'node:net'
import { sweepAge } from '../../lib/control-plane/readiness.ts'
import { type Finding, ok, warning, wrong } from './finding.ts'
import type { DoctorContext } from './context.ts'
import { readJson } from '../read-response.ts'

type Ready = { status?: string; checks?: Record<string, { ok: boolean; detail: string }> }

export async function checkServer(context: DoctorContext): Promise<Finding> {
  const { config } = context
  const { host, port } = config.listen
  const isEverywhere = host === '0.0.0.0' || host === '::'
  const local = isEverywhere ? '127.0.0.1' : host
  const url = `http://${local.includes(':') ? `[${local}]` : local}:${port}`
  const ready = port === 0 ? undefined : await askReady(url)
  if (ready?.checks !== undefined) {
    const failing = Object.entries(ready.checks).filter(([, check]) => !check.ok)
    if (failing.length === 0) return ok(`runs at ${url}, and is ready`)
    return wrong(
      `runs at ${url}, and is not ready: ${failing.map(([name, { detail }]) => `${name} ${detail}`).join('; ')}`,
      `curl -s ${url}/readyz | jq .checks`,
    )
  }
  const elsewhere = await sweptElsewhere(context)
  if (elsewhere !== undefined) return elsewhere
  const wanted = [
    { port, setting: 'PORT' },
    ...(config.backend === 'emulator' && config.emulator.port !== 0
      ? [0, 1].map((offset) => ({ port: config.emulator.port + offset, setting: 'EMULATOR_PORT' }))
      : []),
  ].filter((one) => one.port !== 0)
  for (const one of wanted) {
    if (await isFree(one.port, one.setting === 'PORT' ? host : '127.0.0.1')) continue
    return wrong(
      `port ${one.port} is taken by another program, which is not this server`,
      `export ${one.setting}=${one.port + 1000}   # or stop that program`,
    )
  }
  return ok(`does not run; would listen at ${url}: npm start`)
}

async function askReady(url: string): Promise<Ready | undefined> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) })
    return (await readJson(response)) as Ready
  } catch {
    return undefined
  }
}

/** With a shared database the server may run on another computer, or as a Worker. */
async function sweptElsewhere(context: DoctorContext): Promise<Finding | undefined> {
  try {
    const facts = await context.database()
    if (facts === undefined) return undefined
    const swept = await sweepAge({ db: facts.opened.db, now: () => new Date() })
    if (swept === undefined) return undefined
    const age = swept.seconds
    // A Worker sweeps every minute, whatever the setting.
    if (!swept.never && age <= 3 * Math.max(60, context.config.sweepIntervalSeconds))
      return ok(`runs elsewhere, and swept ${age} s ago`)
    return warning(
      `the last sweep was ${age} s ago: no server is running, and nothing watches the machines`,
      'npm start   # or npm run deploy',
    )
  } catch {
    return undefined
  }
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, host, () => probe.close(() => resolve(true)))
  })
}
