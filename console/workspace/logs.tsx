// What the machine of a workspace prints: the newest lines, and new ones as they come. The server searches.
import { useEffect, useRef, useState } from 'preact/hooks'
import type { LogLine } from '../../client/client.ts'
import { currentClient } from '../session/session.ts'
import { Empty } from '../ui/empty.tsx'
import { fullTime, timeOfDay } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { Problem } from '../ui/problem.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'

/** Lines that are kept on the page. */
const MOST = 1_000
const TAIL = 300
const DRAW_MS = 100
const TYPING_MS = 300

/** The empty one is for all. */
type Level = LogLine['level'] | ''

export function Logs({ id }: { id: string }) {
  const [text, setText] = useState('')
  const [level, setLevel] = useState<Level>('')
  const [isFollowing, setFollowing] = useState(true)
  const { isWaiting, lines, problem } = useLines(id, text, level)
  const box = useRef<HTMLDivElement>(null)

  useEffect(() => {
    if (isFollowing && box.current !== null) box.current.scrollTop = box.current.scrollHeight
  }, [lines, isFollowing])

  return (
    <div class="logs">
      <div class="tab-bar">
        <label class="search">
          <span class="visually-hidden">Only lines that contain</span>
          <Icon name="search" />
          <input
            type="search"
            placeholder="Only lines that contain"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <label class="inline-field">
          <span>Level</span>
          <select value={level} onChange={(event) => setLevel(event.currentTarget.value as Level)}>
            <option value="">all</option>
            <option value="error">error</option>
            <option value="warn">warn</option>
            <option value="info">info</option>
          </select>
        </label>
        <label class="check">
          <input type="checkbox" checked={isFollowing} onChange={() => setFollowing(!isFollowing)} /> Follow
        </label>
        <span class="bar-space" />
        <ShowCommands
          request={{
            method: 'GET',
            path: `/workspaces/${id}/logs?tail=${TAIL}`,
            headers: { Accept: 'text/plain' },
          }}
          cli={['logs', id, '--follow']}
        />
      </div>
      {problem !== undefined && <Problem problem={problem} />}
      {lines.length === 0 && problem === undefined ? (
        <Empty title={isWaiting ? 'Asking for lines…' : 'No lines.'}>
          The provider keeps lines for a short time. New ones appear here as the machine prints them.
        </Empty>
      ) : (
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- A region that scrolls must be reachable by keyboard.
        <div class="output log-lines" ref={box} tabIndex={0} role="log" aria-label="Log" aria-live="off">
          {lines.map((line, index) => (
            <div key={line.id ?? index} class={`log-line log-${line.level}`}>
              <time dateTime={line.time} title={fullTime(line.time)}>
                {timeOfDay(line.time)}
              </time>
              <span class={`log-source log-source-${line.source}`}>{line.source}</span>
              <span class="log-message">{line.message}</span>
            </div>
          ))}
        </div>
      )}
    </div>
  )
}

function useLines(id: string, text: string, level: Level) {
  const [lines, setLines] = useState<readonly LogLine[]>([])
  const [problem, setProblem] = useState<unknown>()
  const [isWaiting, setWaiting] = useState(true)

  useEffect(() => {
    const over = new AbortController()
    let pending: LogLine[] = []
    let timer: ReturnType<typeof setTimeout> | undefined
    setLines([])
    setProblem(undefined)
    setWaiting(true)

    function draw(): void {
      timer = undefined
      const arrived = pending
      pending = []
      if (!over.signal.aborted) setLines((before) => [...before, ...arrived].slice(-MOST))
    }

    async function follow(): Promise<void> {
      const query = {
        tail: TAIL,
        ...(text === '' ? {} : { q: text }),
        ...(level === '' ? {} : { level: [level] }),
      }
      try {
        for await (const line of currentClient().followLogs(id, { ...query, signal: over.signal })) {
          pending.push(line)
          timer ??= setTimeout(draw, DRAW_MS)
        }
      } catch (error) {
        if (!over.signal.aborted) setProblem(error)
      }
    }

    const start = setTimeout(() => void follow(), text === '' ? 0 : TYPING_MS)
    const waited = setTimeout(() => setWaiting(false), 5 * TYPING_MS)
    return () => {
      over.abort()
      clearTimeout(start)
      clearTimeout(waited)
      clearTimeout(timer)
    }
  }, [id, text, level])

  return { lines, problem, isWaiting }
}
