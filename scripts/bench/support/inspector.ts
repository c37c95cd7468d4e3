// Speaks the inspector's protocol to another process, Node or workerd, on a loopback port.
import { setTimeout as delay } from 'node:timers/promises'

const START_MS = 5_000

export type Inspector = {
  /** @returns the result of a command without parameters */
  send<Result>(method: string): Promise<Result>
  close(): void
}

type Target = { title: string; webSocketDebuggerUrl: string }

/** @param name part of the title of what is inspected; without it the first. @throws Error if nothing answers within five seconds */
export async function openInspector(port: number, name = ''): Promise<Inspector> {
  const socket = new WebSocket(await debuggerUrl(port, name))
  const results = new Map<number, PromiseWithResolvers<unknown>>()
  const fail = () => {
    for (const { reject } of results.values()) reject(new Error('the inspector does not answer'))
  }
  const opened = new Promise<unknown>((resolve) => socket.addEventListener('open', resolve))
  socket.addEventListener('error', fail)
  socket.addEventListener('close', fail)
  socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
    const { id, result } = JSON.parse(data) as { id: number; result: unknown }
    results.get(id)?.resolve(result)
  })
  return {
    async send<Result>(method: string) {
      const result = Promise.withResolvers<unknown>()
      const id = results.size + 1
      results.set(id, result)
      await Promise.race([opened, result.promise])
      socket.send(JSON.stringify({ id, method }))
      return (await result.promise) as Result
    },
    close: () => socket.close(),
  }
}

async function debuggerUrl(port: number, name: string): Promise<string> {
  const deadline = performance.now() + START_MS
  for (;;) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/json/list`)
      const target = ((await response.json()) as Target[]).find(({ title }) => title.includes(name))
      if (target !== undefined) return target.webSocketDebuggerUrl
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
    await delay(20)
  }
}
