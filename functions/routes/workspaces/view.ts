// A workspace in responses: Molecule's member names where its clients read them (docs/facts/molecule.md §2.4), and
// others beside them. Names of environment variables are shown, their values never.
import { z } from '@hono/zod-openapi'
import type { Services } from '../../../lib/control-plane/services.ts'
import { REASON_CODES, ROLLOUT_REASON_CODES } from '../../../lib/platform/reasons.ts'
import { OUTSIDE_STOP_POLICIES, type ShownWorkspace } from '../../../lib/lifecycle/workspace.ts'
import { machineTier } from '../../../lib/machines/runtimes.ts'
import { StatusView, statusView } from '../molecule-compat/routes.ts'
import { toWorkspaceDisk, WorkspaceDisk } from '../disks/view.ts'
import { described } from '../../../lib/platform/described.ts'
import { nullableTimestamp } from '../../http/openapi.ts'

const reasonShape = described(() => ({
  message: z.string(),
  hint: z.string().describe('What to do next.'),
  provider: z
    .object({ status: z.int().nullable(), text: z.string(), request_id: z.string().nullable() })
    .optional()
    .describe("The provider's own answer: its HTTP status, its text, and the id that its support asks for."),
}))

export const Reason = described(() =>
  z
    .object({ code: z.enum(REASON_CODES).describe('Stable; docs/reasons.md lists them.'), ...reasonShape })
    .openapi('Reason'),
)

/** Why a rollout stands still, or why a workspace does not count as updated by it. */
export const RolloutReason = described(() =>
  z
    .object({ code: z.enum([...ROLLOUT_REASON_CODES, ...REASON_CODES]), ...reasonShape })
    .openapi('RolloutReason'),
)

/** A difference between what the provider runs and what was requested. */
export const DriftView = described(() =>
  z
    .object({
      field: z.enum(['configuration', 'cordon', 'host', 'image', 'metadata', 'size', 'state']),
      wanted: z.string(),
      actual: z.string(),
    })
    .openapi('Drift'),
)

export const WorkspaceView = described(() =>
  z
    .object({
      id: z.uuid(),
      name: z.string(),
      slug: z.string().nullable(),
      role: z.string().nullable(),
      status: StatusView,
      status_changed_at: z.iso.datetime(),
      reason: z.union([Reason, z.null()]),
      runtime: z.string(),
      tier: z.int().nullable(),
      region: z.string().nullable(),
      regions: z.array(z.string()),
      model: z.string().nullable(),
      parent_id: z.uuid().nullable(),
      labels: z.record(z.string(), z.string()),
      env_names: z.array(z.string()),
      config: z.record(z.string(), z.unknown()),
      files: z.array(z.object({ path: z.string(), bytes: z.int() })),
      public_card: z.boolean().nullable(),
      complete_messages: z.boolean(),
      image: z.string().nullable(),
      idle_minutes: z.int().nullable(),
      disk: z.union([WorkspaceDisk, z.null()]).describe('Its persistent disk; null: none.'),
      on_host_loss: z.enum(['wait', 'restore']),
      on_outside_stop: z
        .enum(OUTSIDE_STOP_POLICIES)
        .describe('What follows when others stop or suspend its machine by request.'),
      generation: z.int(),
      needs_restart: z.boolean(),
      machine_id: z.string().nullable(),
      machine_state: z.string().nullable(),
      wake_at: nullableTimestamp.describe('When it wakes by itself if it is hibernated then.'),
      machine_kept_until: nullableTimestamp.describe(
        'When the machine of a failed workspace is removed; null in other statuses.',
      ),
      machine_region: z.string().nullable(),
      drift: z
        .array(DriftView)
        .describe('How the machine differs from what was requested; empty if it does not.'),
      app: z.string().nullable(),
      endpoint: z.string(),
      url: z.string(),
      agent_url: z.string().nullable(),
      agent_card: z.record(z.string(), z.unknown()).nullable(),
      active_tasks: z.int(),
      current_task: z.string(),
      last_error_rate: z.number(),
      last_sample_error: z.string(),
      uptime_seconds: z.int(),
      registered_at: nullableTimestamp,
      last_heartbeat_at: nullableTimestamp,
      last_active_at: nullableTimestamp,
      deadline_at: nullableTimestamp,
      ready_at: nullableTimestamp,
      removed_at: nullableTimestamp,
      created_at: z.iso.datetime(),
      updated_at: z.iso.datetime(),
    })
    .openapi('Workspace'),
)

/** @param publicUrl base of the workspace's URLs, without a trailing slash */
export function toWorkspaceView(
  { config, provisioner }: Pick<Services, 'config' | 'provisioner'>,
  row: ShownWorkspace,
  publicUrl: string,
): z.infer<typeof WorkspaceView> {
  const at = (date: Date | null) => date?.toISOString() ?? null
  const endpoint = `${publicUrl}/workspaces/${row.id}/a2a`
  return {
    id: row.id,
    name: row.name,
    slug: row.slug,
    role: row.role,
    status: statusView(config, row.status),
    status_changed_at: row.statusChangedAt.toISOString(),
    reason: row.reason,
    runtime: row.runtime,
    tier: machineTier(row),
    region: row.machineRegion ?? row.regions[0] ?? null,
    regions: row.regions,
    model: row.model,
    parent_id: row.parentId,
    labels: row.labels,
    env_names: Object.keys(row.env),
    config: row.config,
    files: row.files.map(({ bytes, path }) => ({ path, bytes })),
    public_card: row.publicCard,
    complete_messages: row.completesMessages,
    image: row.machineImage ?? row.image,
    idle_minutes: row.idleMinutes,
    disk: row.disk === null ? null : toWorkspaceDisk(provisioner, row.disk, row.diskPath),
    on_host_loss: row.onHostLoss,
    on_outside_stop: row.onOutsideStop,
    generation: row.generation,
    needs_restart: row.machineSpecVersion !== null && row.machineSpecVersion < row.specVersion,
    machine_id: row.machineId,
    machine_state: row.machineState,
    wake_at: at(row.wakeAt),
    machine_kept_until: row.status === 'failed' && row.machineId !== null ? at(row.machineKeptUntil) : null,
    machine_region: row.machineRegion,
    drift: row.drift ?? [],
    app: row.app,
    endpoint,
    url: endpoint,
    agent_url: row.agentUrl,
    agent_card: row.agentCard,
    active_tasks: row.activeTasks,
    current_task: row.currentTask,
    last_error_rate: row.errorRate,
    last_sample_error: row.sampleError,
    uptime_seconds: row.uptimeSeconds,
    registered_at: at(row.registeredAt),
    last_heartbeat_at: at(row.lastHeartbeatAt),
    last_active_at: at(row.lastActiveAt),
    deadline_at: at(row.deadlineAt),
    ready_at: at(row.readyAt),
    removed_at: at(row.removedAt),
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  }
}
