// The tools of the MCP server. Each one is a call or two of the public API with the caller's own token, so a token may do
// here what it may do there. Outputs are small: programs that need more read the API.
import { z } from 'zod'
import type { Client, Workspace, WorkspaceQuery } from '../client/client.ts'
import { readTask, sendText } from './send-text.ts'

type Annotations = { readOnlyHint?: boolean; destructiveHint?: boolean; idempotentHint?: boolean }

export type Tool = {
  title: string
  description: string
  input: z.ZodObject
  annotations: Annotations
  /** @returns what the model reads, as JSON */
  run: (client: Client, input: never) => Promise<Record<string, unknown>>
}

const tool = <Input extends z.ZodObject>(definition: {
  title: string
  description: string
  input: Input
  annotations: Annotations
  run: (client: Client, input: z.infer<Input>) => Promise<Record<string, unknown>>
}): Tool => definition

const reads: Annotations = { readOnlyHint: true }
const changes: Annotations = { readOnlyHint: false, destructiveHint: false }
const workspaceId = z
  .string()
  .regex(/^[A-Za-z0-9-]{2,63}$/, 'must be the id or the slug of a workspace')
  .describe('The id of the workspace, or its slug.')
const waitSeconds = z.int().min(1).max(300).default(60).describe('The longest wait, in seconds.')

/** The most workspaces in one answer. */
const LISTED = 50

/** What a model needs of a workspace. */
const brief = ({ id, name, reason, region, role, runtime, slug, status, tier }: Workspace) => ({
  id,
  ...(slug === null ? {} : { slug }),
  name,
  status,
  runtime,
  ...(tier === null ? {} : { tier }),
  ...(region === null ? {} : { region }),
  ...(role === null ? {} : { role }),
  ...(reason === null ? {} : { reason: { code: reason.code, message: reason.message, hint: reason.hint } }),
})

/** Made when they are needed: a Worker that starts needs none of their schemas. */
export const createTools = (): Readonly<Record<string, Tool>> => ({
  list_workspaces: tool({
    title: 'List workspaces',
    description: `Lists workspaces with their status. At most ${LISTED}; the total says how many match.`,
    input: z.object({
      status: z.string().optional().describe('Only workspaces with this status, such as ready or failed.'),
      name: z.string().optional().describe('Only workspaces whose name contains this text.'),
    }),
    annotations: reads,
    async run(client, { name, status }) {
      const found: Workspace[] = []
      const filter = status === undefined ? {} : { status: [status] as WorkspaceQuery['status'] }
      for await (const workspace of client.listWorkspaces({ ...(filter as WorkspaceQuery), limit: 1000 })) {
        const isWanted = name === undefined || workspace.name.toLowerCase().includes(name.toLowerCase())
        if (isWanted) found.push(workspace)
      }
      return { total: found.length, workspaces: found.slice(0, LISTED).map(brief) }
    },
  }),

  get_workspace: tool({
    title: 'Read a workspace',
    description: 'Shows the status of one workspace, and the reason if it is in trouble.',
    input: z.object({ id: workspaceId }),
    annotations: reads,
    run: async (client, { id }) => brief(await client.getWorkspace(id)),
  }),

  create_workspace: tool({
    title: 'Create a workspace',
    description:
      'Creates a workspace: a machine with an agent in it, which may cost money until it is removed. Waits until it is ready, as long as wait_seconds says.',
    input: z.object({
      name: z.string().min(1).describe('A name for people.'),
      runtime: z.string().optional().describe('The kind of agent, such as hermes or langgraph.'),
      tier: z.int().min(2).max(4).optional().describe('The size: 2 (512 MB), 3 (2 GB) or 4 (4 GB).'),
      region: z
        .string()
        .optional()
        .describe('A region of the server; without it the default. On Fly such as ord.'),
      role: z.string().optional().describe('What the agent is for.'),
      wait_seconds: waitSeconds,
    }),
    annotations: changes,
    async run(client, { wait_seconds: seconds, ...input }) {
      const { id } = await client.createWorkspace(input as Parameters<Client['createWorkspace']>[0])
      return brief(await client.waitForWorkspace(id, seconds))
    },
  }),

  wait_for_workspace: tool({
    title: 'Wait for a workspace',
    description: 'Waits until a workspace is ready, or has come to rest otherwise.',
    input: z.object({ id: workspaceId, wait_seconds: waitSeconds }),
    annotations: reads,
    run: async (client, { id, wait_seconds: seconds }) => brief(await client.waitForWorkspace(id, seconds)),
  }),

  send_message: tool({
    title: 'Send a message to an agent',
    description:
      'Sends a text to the agent of a workspace, and returns its answer. A workspace that is asleep is woken. A long answer is a task: read it with get_task.',
    input: z.object({
      id: workspaceId,
      text: z.string().min(1).describe('What to say to the agent.'),
      context_id: z.string().optional().describe('Continues a conversation: from an earlier answer.'),
    }),
    annotations: { ...changes, idempotentHint: false },
    run: (client, { context_id: contextId, id, text }) => sendText(client, id, text, contextId),
  }),

  get_task: tool({
    title: 'Read a task of an agent',
    description: 'Shows the state and the result of a task that send_message returned.',
    input: z.object({ id: workspaceId, task_id: z.string().describe('The id of the task.') }),
    annotations: reads,
    run: (client, { id, task_id: taskId }) => readTask(client, id, taskId),
  }),

  explain_workspace: tool({
    title: 'Explain a workspace',
    description: 'Says what is wanted, what is known, what went wrong, and what happens next.',
    input: z.object({ id: workspaceId }),
    annotations: reads,
    async run(client, { id }) {
      const { data } = await client.api.GET('/workspaces/{id}/explain', {
        params: { path: { id } },
        headers: { accept: 'text/plain' },
        parseAs: 'text',
      })
      return { explanation: String(data) }
    },
  }),

  read_logs: tool({
    title: 'Read logs',
    description: "The newest lines that the workspace's machine printed.",
    input: z.object({
      id: workspaceId,
      lines: z.int().min(1).max(200).default(50).describe('The number of lines.'),
    }),
    annotations: reads,
    async run(client, { id, lines }) {
      const { data } = await client.api.GET('/workspaces/{id}/logs', {
        params: { path: { id }, query: { tail: lines } },
        headers: { accept: 'text/plain' },
        parseAs: 'text',
      })
      return { logs: String(data) }
    },
  }),

  restart_workspace: tool({
    title: 'Restart a workspace',
    description:
      'Boots the machine again, and waits until the workspace is ready. It also revives a failed one.',
    input: z.object({ id: workspaceId, wait_seconds: waitSeconds }),
    annotations: { ...changes, idempotentHint: true },
    async run(client, { id, wait_seconds: seconds }) {
      await client.api.POST('/workspaces/{id}/restart', { params: { path: { id } } })
      return brief(await client.waitForWorkspace(id, seconds))
    },
  }),

  remove_workspace: tool({
    title: 'Remove a workspace',
    description:
      'Destroys the machine of a workspace and deletes its disk with the work on it, which ends the cost. This cannot be undone.',
    input: z.object({ id: workspaceId }),
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true },
    async run(client, { id }) {
      await client.api.DELETE('/workspaces/{id}', { params: { path: { id } } })
      return { id, status: 'removed' }
    },
  }),
})
