// Free ports that stand side by side, for servers that take more than one. They lie below the range from which the system
// gives ports to outgoing connections, so that nobody is handed one of them between the probe and the use.
import { createServer } from 'node:net'

const LOWEST = 12_000
const SPAN = 18_000

/** @returns `count` consecutive ports that nobody listens on right now */
export async function freePorts(count: number): Promise<number[]> {
  for (;;) {
    const first = LOWEST + Math.floor(Math.random() * SPAN)
    const ports = Array.from({ length: count }, (_, at) => first + at)
    const free = await Promise.all(ports.map(isFree))
    if (free.every(Boolean)) return ports
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
