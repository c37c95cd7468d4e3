// How the sample agent answers a message, as an executor of the A2A SDK.

import { Message, Task, TaskArtifactUpdateEvent, TaskStatusUpdateEvent } from '@a2a-js/sdk'
import { AgentEvent, DefaultRequestHandler, InMemoryTaskStore } from '@a2a-js/sdk/server'
import type { AgentCard } from '@a2a-js/sdk'
import type { AgentExecutor, ExecutionEventBus, RequestContext } from '@a2a-js/sdk/server'
import type { GuestMachine } from '../guests/host.ts'
import { answerFromMemory } from './memory.ts'
import type { Work } from './settings.ts'
import { aborted, pause } from '../shared/abort.ts'

const CHUNK_PAUSE_MS = 50
const ANSWER_PAUSE_MS = 100

/**
 * Throws the JSON-RPC error of `fail` before the executor runs, because the SDK turns errors of an executor into a
 * failed task.
 */
export class SampleRequestHandler extends DefaultRequestHandler {
  readonly #work: Work

  constructor(card: AgentCard, work: Work, executor: AgentExecutor) {
    super(card, new InMemoryTaskStore(), executor)
    this.#work = work
  }

  override sendMessage(...call: Parameters<DefaultRequestHandler['sendMessage']>) {
    const refusal = this.#refusal(call[0].message)
    return refusal ? Promise.reject(refusal) : super.sendMessage(...call)
  }

  override async *sendMessageStream(...call: Parameters<DefaultRequestHandler['sendMessageStream']>) {
    const refusal = this.#refusal(call[0].message)
    if (refusal) throw refusal
    yield* super.sendMessageStream(...call)
  }

  #refusal(message: Message | undefined): Error | undefined {
    this.#work.requests++
    if (message === undefined || textOf(message) !== 'fail') return undefined
    this.#work.errors++
    this.#work.sampleError = 'The sample agent was told to fail.'
    return new Error(this.#work.sampleError)
  }
}

/**
 * What the agent does with a message, by its text:
 * - contains `What region are you running in?`: the value of `FLY_REGION`
 * - `stream N`: a task with N pieces of an artifact, 50 ms apart
 * - `long N`: a task of N seconds with a status update each second
 * - `fail`: a JSON-RPC error (see {@link SampleRequestHandler})
 * - `exit N`: the program exits with that code and does not answer the message
 * - `stop yourself`, `suspend yourself`: answers, and then asks the API of its own machine to do so
 * - `remember X`: writes X to its disk; `what do you remember?`: what it wrote; `count`: counts there
 *   (see memory.ts)
 * - anything else: `Echo: <text>`
 *
 * The answer to a plain question is a Message and not a Task, so that `.result.parts[0].text` has it
 * (docs/facts/a2a.md §1.5).
 */
export function createExecutor(
  machine: GuestMachine,
  work: Work,
  running: AbortSignal,
  exit: (code: number) => void,
): AgentExecutor {
  const tasks = new Map<string, AbortController>()

  return {
    async execute(call, bus) {
      const text = textOf(call.userMessage)
      const [, verb, count] = /^(stream|long|exit) (\d+)$/.exec(text) ?? []
      work.active++
      work.current = text.slice(0, 100)
      try {
        if (verb === 'exit') {
          exit(Number(count))
          await aborted(running)
        } else if (verb === 'stream' || verb === 'long') {
          await perform(call, bus, verb, Number(count))
        } else {
          bus.publish(AgentEvent.message(agentMessage(replyTo(text), { contextId: call.contextId })))
        }
      } finally {
        work.active--
        if (work.active === 0) work.current = ''
      }
    },
    // The task notices at its next pause and publishes its own end.
    cancelTask(taskId) {
      tasks.get(taskId)?.abort()
      return Promise.resolve()
    },
  }

  function replyTo(text: string): string {
    if (text.includes('What region are you running in?')) return machine.env['FLY_REGION'] ?? 'unknown'
    const [, rest] = /^(stop|suspend) yourself$/.exec(text) ?? []
    if (rest !== undefined) void restLater(rest)
    return answerFromMemory(machine, text) ?? (rest === undefined ? `Echo: ${text}` : 'Good night.')
  }

  /** Asks for it only after the answer is on its way. */
  async function restLater(verb: string): Promise<void> {
    await pause(ANSWER_PAUSE_MS, running)
    const { FLY_APP_NAME: app, FLY_MACHINE_ID: id } = machine.env
    const { status, body } = await machine.flyApi('POST', `/v1/apps/${app}/machines/${id}/${verb}`)
    if (status !== 200) machine.log(`${verb}: ${status} ${body}`)
  }

  async function perform(
    call: RequestContext,
    bus: ExecutionEventBus,
    verb: string,
    count: number,
  ): Promise<void> {
    const { taskId, contextId } = call
    const cancel = new AbortController()
    tasks.set(taskId, cancel)
    const say = (state: string, text: string) => ({
      state: `TASK_STATE_${state}`,
      message: Message.toJSON(agentMessage(text, { taskId, contextId })),
      timestamp: new Date().toISOString(),
    })
    const update = (state: string, text: string) =>
      bus.publish(
        AgentEvent.statusUpdate(
          TaskStatusUpdateEvent.fromJSON({ taskId, contextId, status: say(state, text) }),
        ),
      )

    bus.publish(AgentEvent.task(Task.fromJSON({ id: taskId, contextId, status: say('WORKING', 'started') })))
    for (let step = 1; step <= count; step++) {
      await pause(verb === 'long' ? 1000 : CHUNK_PAUSE_MS, AbortSignal.any([cancel.signal, running]))
      if (running.aborted) return
      if (cancel.signal.aborted) break
      if (verb === 'long') update('WORKING', `${step} of ${count} seconds`)
      else bus.publish(AgentEvent.artifactUpdate(chunk(call, step, count)))
    }
    tasks.delete(taskId)
    if (cancel.signal.aborted) update('CANCELED', 'canceled')
    else update('COMPLETED', 'done')
  }
}

function chunk({ taskId, contextId }: RequestContext, step: number, count: number): TaskArtifactUpdateEvent {
  return TaskArtifactUpdateEvent.fromJSON({
    taskId,
    contextId,
    artifact: { artifactId: 'chunks', name: 'chunks', parts: [{ text: `chunk ${step} of ${count}\n` }] },
    append: step > 1,
    lastChunk: step === count,
  })
}

function agentMessage(text: string, ids: { contextId: string; taskId?: string }): Message {
  return Message.fromJSON({ ...ids, messageId: crypto.randomUUID(), role: 'ROLE_AGENT', parts: [{ text }] })
}

function textOf(message: Message): string {
  const texts = message.parts.map(({ content }) => (content?.$case === 'text' ? content.value : ''))
  return texts.join('').trim()
}
