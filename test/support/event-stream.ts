// A client of server-sent events, written from the standard's rules: what it has heard, and where it would go on from.
export type Heard = { id: string; type: string; data: Record<string, unknown> }

export type Listener = Awaited<ReturnType<typeof listenTo>>

/** @param response of a stream of events; throws when it is none */
export async function listenTo(response: Response) {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream') || response.body === null) {
    throw new Error(`no stream: ${response.status} ${await response.text()}`)
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  const heard: Heard[] = []
  const comments: string[] = []
  let lastEventId = ''
  let retry: number | undefined

  const ended = (async () => {
    let text = ''
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text += part.value
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) take(block)
    }
  })()
  ended.catch(() => {})

  function take(block: string): void {
    let type = 'message'
    const data: string[] = []
    for (const line of block.split('\n')) {
      const [, name = '', value = ''] = /^([^:]*):? ?(.*)$/.exec(line) ?? []
      if (name === '') comments.push(value)
      else if (name === 'id') lastEventId = value
      else if (name === 'event') type = value
      else if (name === 'data') data.push(value)
      else if (name === 'retry') retry = Number(value)
      else throw new Error(`a line that is none: ${line}`)
    }
    if (data.length > 0)
      heard.push({ id: lastEventId, type, data: JSON.parse(data.join('\n')) as Heard['data'] })
  }

  return {
    heard,
    comments,
    /** Resolves when the stream ends. */
    ended,
    lastEventId: () => lastEventId,
    retry: () => retry,
    leave: () => reader.cancel(),
  }
}
