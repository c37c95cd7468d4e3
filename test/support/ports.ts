// Finds consecutive free ports, for servers that need more than one. They lie below the range of ephemeral ports, so that the
// system does not assign one of them to an outgoing connection between the probe and the use.
import { createServer } from 'node:net'

const LOWEST = 12_000
const SPAN = 18_000

/** @returns `count` consecutive ports without a listener */
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
