// Proves that a slow reader of a long stream costs bounded memory. A client reads the first bytes, pauses, and reads the
// rest. During the pause it checks how much the agent could send and how much memory the server uses.
import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { createGarbageCollector } from '../support/force-gc.ts'
import { startProxiedWorkspace } from '../../../test/support/proxied-workspace.ts'
import { requestStream } from './request-stream.ts'
import { watchMemory } from './memory-watch.ts'
import { EVENT_BYTES, startLongAnswerAgent } from './long-answer-agent.ts'

const MB = 2 ** 20

/** The buffers are full if the agent could send nothing for this long. */
const QUIET_MS = 500

/** Buffers that are not full by then are unbounded. */
const MOST_PAUSE_MS = 20_000

const POLL_MS = 50

export type SlowReadOptions = {
  megabytes: number
  /** The minimum pause of the client. */
  pauseMs: number
  /** A Postgres for the server; default: the embedded database. */
  databaseUrl?: string
}

export type SlowRead = {
  sentMb: number
  readMb: number
  /** The client read the bytes that the agent sent. */
  isComplete: boolean
  /** What the agent had sent at the end of the pause: the content of all buffers. */
  unreadMb: number
  /** The agent could still send at the end of the pause. */
  stillGrowing: boolean
  /** Growth of the server's memory during the pause; undefined if it is not available. */
  heldMb: number | undefined
  /** The largest growth of the server's memory, with garbage. */
  peakMb: number | undefined
}

type BufferUse = Pick<SlowRead, 'unreadMb' | 'stillGrowing'>

export async function readSlowly({ megabytes, pauseMs, ...context }: SlowReadOptions): Promise<SlowRead> {
  const agent = await startLongAnswerAgent((megabytes * MB) / EVENT_BYTES)
  const collector = await createGarbageCollector()
  try {
    const workspace = await startProxiedWorkspace(agent.url, { ...context, nodeOption: collector.nodeOption })
    try {
      const memory = await watchMemory(workspace.pid, collector)
      const hash = createHash('sha256')
      let bytes = 0
      let full: BufferUse | undefined
      let heldMb: number | undefined
      // The loop reads nothing while its body waits.
      for await (const data of await requestStream(workspace)) {
        hash.update(data as Buffer)
        bytes += (data as Buffer).length
        if (full !== undefined) continue
        full = await untilBuffersAreFull(() => agent.sent.bytes, pauseMs)
        heldMb = await memory.heldMb()
      }
      memory.stop()
      return {
        sentMb: agent.sent.bytes / MB,
        readMb: bytes / MB,
        isComplete: hash.digest('hex') === agent.sent.sha256,
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

async function untilBuffersAreFull(sentBytes: () => number, pauseMs: number): Promise<BufferUse> {
  const begun = performance.now()
  let bytes = sentBytes()
  let grewAt = begun
  for (;;) {
    await delay(POLL_MS)
    const now = performance.now()
    if (sentBytes() > bytes) {
      bytes = sentBytes()
      grewAt = now
    }
    const isFull = now - grewAt >= QUIET_MS
    if ((isFull && now - begun >= pauseMs) || now - begun >= MOST_PAUSE_MS) {
      return { unreadMb: bytes / MB, stillGrowing: !isFull }
    }
  }
}
