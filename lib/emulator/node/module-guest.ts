// A guest whose program is a module of the emulator, such as the sample agent: a Node process that reports the ports on which it
// listens, so that any number of machines can use the same port.

import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { ConnectionRefused } from '../guests/host.ts'
import type { BootSpec, FlyApi, Guest } from '../guests/host.ts'
import { isLoopback } from '../guests/is-reachable.ts'
import { forwardToPort } from './forward.ts'
import type { ApiAnswerMessage, ApiCallMessage, BootMessage, ListeningMessage } from './guest-process.ts'
import { superviseMainProcess } from './main-process.ts'

export type ModuleBoot = Omit<BootMessage, 'program'> &
  Pick<BootSpec, 'print' | 'flyApi'> & { onStart: (pid: number) => void }

/** @param program the path or URL of a module whose default export is the program */
export function bootModule(program: string, boot: ModuleBoot): Omit<Guest, 'exec'> {
  const { root, env, files, mount, print, flyApi, onStart } = boot
  const child = fork(new URL('guest-process.ts', import.meta.url), [], {
    cwd: root,
    // Only PATH: the server's environment has its secrets, and the guest's environment comes in the boot message.
    env: { PATH: process.env['PATH'] ?? '' },
    // V8 would need 10 MB in each machine to optimize the parser of Node's HTTP client, which is WebAssembly.
    execArgv: ['--disable-warning=ExperimentalWarning', '--liftoff-only'],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // A process group of its own: Ctrl-C in the server's terminal does not reach it, and its children end with it.
    detached: true,
  })
  const main = superviseMainProcess(child, print)
  if (main.pid !== undefined) onStart(main.pid)
  const ports = new Map<number, ListeningMessage>()
  void main.exited.then(() => ports.clear())
  child.on('message', (message: ListeningMessage | ApiCallMessage) => {
    if ('port' in message) ports.set(message.port, message)
    else void answerApiCall(child, message, flyApi)
  })
  const url = program.startsWith('file:') ? program : pathToFileURL(program).href
  const message: BootMessage = { program: url, root, env, files, mount }
  // A guest that exits before it gets the message reports its exit, so an error here is ignored.
  child.send(message, () => {})

  return {
    ...main,
    listening: () => [...ports.values()].map(({ port, address }) => ({ port, address })),
    fetch(port, request) {
      const open = ports.get(port)
      if (open === undefined || isLoopback(open.address)) {
        return Promise.reject(new ConnectionRefused(`Nothing that can be reached listens on port ${port}`))
      }
      return forwardToPort(open.actual, request)
    },
  }
}

/** A guest that has ended, or ends by this call, gets no answer. */
async function answerApiCall(
  child: ChildProcess,
  { call, method, path, body }: ApiCallMessage,
  flyApi: FlyApi,
): Promise<void> {
  const answer = await flyApi(method, path, body).catch((error: unknown) => ({
    status: 0,
    body: String(error),
  }))
  const message: ApiAnswerMessage = { call, ...answer }
  child.send(message, () => {})
}
