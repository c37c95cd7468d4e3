// Logs and commands of containers: translates the provisioner's verbs to calls of Docker, and its answers back.
import type { DockerClient } from '../../docker/client.ts'
import { DockerError } from '../../docker/errors.ts'
import type { Frame } from '../../docker/streams.ts'
import type { ExecResult, InsideProvisioner, LogLine } from '../inside.ts'
import { type SecretsDelivery, withSecrets } from './container-config.ts'
import { attempt } from './problems.ts'

/** The daemon is on this computer, or near it, and limits nothing. */
const EXEC_RATE = { perSecond: 50, burst: 50 }

/** Lines of a page. */
const PAGE = 200

const LOGS_MS = 15_000

/** Bytes of a command's output that are read. Scripts that send more than this send it in parts. */
const MAX_OUTPUT = 32 * 1024 * 1024

/** Signals end a command of a shell with 128 and the signal's number; Docker reports no more than that. */
const KILLED = 137

type Find = (machineId: string) => Promise<string>

/** @param find the container of a machine: throws DockerError when there is none */
export const dockerInside = (
  docker: DockerClient,
  find: Find,
  secretsDelivery: SecretsDelivery,
): InsideProvisioner => ({
  execRate: EXEC_RATE,

  logs: ({ machineId }, { after, onceWithinMs, signal } = {}) =>
    attempt(async () => {
      const id = await find(machineId)
      const frames = await docker.logs(id, {
        ...(after === undefined || after === '' ? { tail: PAGE } : { since: toUnix(after) }),
        timeoutMs: onceWithinMs ?? LOGS_MS,
        signal,
      })
      const lines = await readLines(frames, after ?? '')
      return { lines, next: lines.at(-1)?.id ?? after ?? '' }
    }),

  exec: ({ machineId }, { command, signal, stdin = '', timeoutSeconds }) =>
    attempt(async () => {
      const timeout = AbortSignal.timeout(timeoutSeconds * 1000)
      const { Id } = await docker.createExec(
        await find(machineId),
        // Docker gives a command the variables of the container, of which the secrets are none.
        secretsDelivery === 'file' ? withSecrets(command) : command,
      )
      const until = signal === undefined ? timeout : AbortSignal.any([signal, timeout])
      const output = await readOutput(
        await docker.startExec(Id, new TextEncoder().encode(stdin), until),
        until,
      )
      const { ExitCode } = await docker.inspectExec(Id)
      const exitCode = ExitCode ?? KILLED
      return { exitCode, signal: undefined, ...output }
    }),
})

/** The times of log lines have nanoseconds, of which a Date has only the first three digits. */
const LINE = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d) ?(.*)$/s

/** A position as the API takes it. The id of a line is its time, and a number where several have the same. */
function toUnix(id: string): string {
  const [, seconds = '', fraction = '', zone = 'Z'] = LINE.exec(id.split('#')[0] ?? '') ?? []
  const time = new Date(`${seconds}${zone}`).getTime()
  return Number.isNaN(time) ? '0' : `${time / 1000}.${fraction.padEnd(9, '0')}`
}

/** The lines after one of them, at most a page. Docker also sends those of the same time and before. */
async function readLines(frames: AsyncGenerator<Frame>, after: string): Promise<LogLine[]> {
  const lines: LogLine[] = []
  let [last, same, isPast] = ['', 0, after === '']
  const seen = new Set<string>()
  for await (const { bytes } of frames) {
    const text = new TextDecoder().decode(bytes)
    const [, seconds = '', fraction = '', zone = '', message = ''] = LINE.exec(text) ?? []
    const time = `${seconds}.${fraction.padEnd(9, '0')}${zone}`
    same = time === last ? same + 1 : 0
    last = time
    const id = same === 0 ? time : `${time}#${same}`
    if (!isPast && (id === after || time > after)) {
      isPast = true
      if (id === after) continue
    }
    if (!isPast || seen.has(id)) continue
    seen.add(id)
    lines.push({
      id,
      at: new Date(`${seconds}${zone}`),
      level: 'info',
      message: message.replace(/\r?\n$/, ''),
      source: 'agent',
    })
    if (lines.length >= PAGE) break
  }
  return lines
}

async function readOutput(
  frames: AsyncGenerator<Frame>,
  until: AbortSignal,
): Promise<Pick<ExecResult, 'stdout' | 'stderr'>> {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() }
  const text = { stdout: '', stderr: '' }
  let bytesRead = 0
  const tooLate = new Promise<never>((_, reject) => {
    const late = () =>
      reject(new DockerError('the command did not end in time', { code: 'timeout', applied: 'unknown' }))
    if (until.aborted) late()
    else until.addEventListener('abort', late, { once: true })
  })
  const read = async () => {
    for await (const { bytes, stream } of frames) {
      bytesRead += bytes.length
      if (bytesRead > MAX_OUTPUT)
        throw new DockerError('the output is too long', { code: 'refused', status: 400 })
      text[stream] += decoders[stream].decode(bytes, { stream: true })
    }
  }
  await Promise.race([read(), tooLate])
  return text
}
