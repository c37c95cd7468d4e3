// What a provider lets us see and do inside a machine: its log, and commands. Both exist for Fly Machines and for
// containers alike.

/** Who wrote a line: the program in the machine, the provider's own parts (such as Fly's init), or its proxy. */
export type LogSource = 'agent' | 'platform' | 'proxy'

export const LOG_SOURCES = ['agent', 'platform', 'proxy'] as const satisfies readonly LogSource[]

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const

export type LogLevel = (typeof LOG_LEVELS)[number]

/** The level for a provider's own word, of which it documents none (docs/facts/fly.md §12.2). */
export function toLogLevel(word: string): LogLevel {
  if (/^(err|crit|fatal|panic|alert|emerg)/i.test(word)) return 'error'
  if (/^warn/i.test(word)) return 'warn'
  return /^(debug|trace)/i.test(word) ? 'debug' : 'info'
}

/** A line of a machine's log. `id` is unique in the log of its machine. */
export type LogLine = {
  id: string
  at: Date
  level: LogLevel
  message: string
  source: LogSource
}

/** `next` is the cursor of the page after this one. Cursors are the provider's own, and opaque. */
export type LogPage = { lines: LogLine[]; next: string }

export type LogQuery = {
  /** The `next` of the page before; undefined: the newest page. */
  after?: string | undefined
  signal?: AbortSignal | undefined
  /** Milliseconds for one attempt, which is not repeated; undefined: as other calls. */
  onceWithinMs?: number | undefined
}

export type ExecInput = {
  /** The program and its arguments: no shell is involved. No text has NUL. */
  command: readonly string[]
  stdin?: string | undefined
  /** From 1 to {@link MAX_EXEC_SECONDS}. */
  timeoutSeconds: number
  signal?: AbortSignal | undefined
}

/** How long one command may take with every provider, in seconds (docs/facts/fly.md §12.3). */
export const MAX_EXEC_SECONDS = 25

/** `signal` is undefined when no signal ended the command. Output that is not UTF-8 is damaged: encode it. */
export type ExecResult = { exitCode: number; signal: number | undefined; stdout: string; stderr: string }

type Place = { app: string; machineId: string }

export type InsideProvisioner = {
  /** How many commands one machine may be sent: per second, and the burst. */
  readonly execRate: { perSecond: number; burst: number }
  /**
   * A page of a machine's log, in order. An empty page means that nothing is new. The provider may keep lines for a
   * short time only. @throws ProvisionError
   */
  logs(machine: Place, query?: LogQuery): Promise<LogPage>
  /**
   * Runs one command in a started machine, beside its program and with its environment. A command that fails is a
   * result. @throws ProvisionError
   */
  exec(machine: Place, input: ExecInput): Promise<ExecResult>
}
