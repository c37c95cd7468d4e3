// The proof that a slow reader of a long stream costs bounded memory: a client that reads the beginning, then nothing for a
// while, then the rest, and looks meanwhile at how much the agent got rid of and how much the server holds.
import { createHash } from 'node:crypto'
import { createGarbageCollector } from '../support/force-gc.ts'
import { startProxiedWorkspace } from '../../../test/support/proxied-workspace.ts'
import { askForStream } from './ask-for-stream.ts'
import { watchMemory } from './memory-watch.ts'
import { EVENT_BYTES, startTalkativeAgent } from './talkative-agent.ts'

const MB = 2 ** 20

/** How long nothing must have been handed over for the road to count as full. */
const QUIET_MS = 500

/** A road that is not full by then never will be. */
const MOST_PAUSE_MS = 20_000

const LOOK_MS = 50

export type SlowReadOptions = {
  megabytes: number
  /** How long the client reads nothing, at least. */
  pauseMs: number
  /** A Postgres for the server; without it the embedded database. */
  databaseUrl?: string
}

export type SlowRead = {
  saidMb: number
  readMb: number
  /** Whether what was read is what was said, byte for byte. */
  same: boolean
  /** What the agent had handed over when the client read on: what the road holds, sockets included. */
  unreadMb: number
  /** Whether it still handed over more then. */
  stillGrowing: boolean
  /** What the server held more than before while nobody read; undefined where it cannot be known. */
  heldMb: number | undefined
  /** The most that the server's memory grew at any time, with garbage. */
  peakMb: number | undefined
}

type Fullness = Pick<SlowRead, 'unreadMb' | 'stillGrowing'>

export async function readSlowly({ megabytes, pauseMs, ...place }: SlowReadOptions): Promise<SlowRead> {
  const agent = await startTalkativeAgent((megabytes * MB) / EVENT_BYTES)
  const garbage = await createGarbageCollector()
  try {
    const workspace = await startProxiedWorkspace(agent.url, { ...place, nodeOption: garbage.nodeOption })
    try {
      const memory = await watchMemory(workspace.pid, garbage)
      const hash = createHash('sha256')
      let bytes = 0
      let full: Fullness | undefined
      let heldMb: number | undefined
      // A loop reads nothing while its body waits.
      for await (const data of await askForStream(workspace)) {
        hash.update(data as Buffer)
        bytes += (data as Buffer).length
        if (full !== undefined) continue
        full = await untilFull(() => agent.said.bytes, pauseMs)
        heldMb = await memory.heldMb()
      }
      memory.stop()
      return {
        saidMb: agent.said.bytes / MB,
        readMb: bytes / MB,
        same: hash.digest('hex') === agent.said.sha256,
        unreadMb: full?.unreadMb ?? 0,
        stillGrowing: full?.stillGrowing ?? false,
        heldMb,
        peakMb: memory.peakMb(),
      }
    } finally {
      await workspace.stop()
    }
  } finally {
    await agent.close()
  }
}

async function untilFull(handedOver: () => number, pauseMs: number): Promise<Fullness> {
  const begun = performance.now()
  let bytes = handedOver()
  let grewAt = begun
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    const now = performance.now()
    if (handedOver() > bytes) {
      bytes = handedOver()
      grewAt = now
    }
    const isFull = now - grewAt >= QUIET_MS
    if ((isFull && now - begun >= pauseMs) || now - begun >= MOST_PAUSE_MS) {
      return { unreadMb: bytes / MB, stillGrowing: !isFull }
    }
  }
}
