// Where a workspace's messages go: its machine, if it is there to answer; otherwise the reason why not.
import type { Provisioner } from '../provisioner/provisioner.ts'
import type { WorkspaceStatus } from '../workspaces/lifecycle.ts'
import type { Workspace } from '../workspaces/workspace.ts'
import { ProxyError, type ProxyReason } from './json-rpc.ts'

export type Route = { url: string; headers: Record<string, string>; machineId: string }

const REFUSALS: Record<Exclude<WorkspaceStatus, 'ready' | 'degraded'>, [ProxyReason, string]> = {
  provisioning: ['WORKSPACE_STARTING', 'the workspace is being provisioned; ask again shortly'],
  offline: ['WORKSPACE_STARTING', 'the workspace is being brought back; ask again shortly'],
  failed: ['WORKSPACE_FAILED', 'the workspace failed; restart it'],
  paused: ['WORKSPACE_PAUSED', 'the workspace is paused; resume it'],
  hibernated: ['WORKSPACE_PAUSED', 'the workspace is hibernated; resume it'],
  removed: ['WORKSPACE_REMOVED', 'the workspace was removed'],
}

/** @throws ProxyError saying why no message can be delivered now */
export function routeOf(workspace: Workspace, provisioner: Provisioner): Route {
  const { app, machineId, reason, status } = workspace
  if (status !== 'ready' && status !== 'degraded') {
    const [code, message] = REFUSALS[status]
    throw new ProxyError(code, message, {
      facts: { status, ...(reason === null ? {} : { cause: reason.code, detail: reason.message }) },
    })
  }
  if (machineId === null || app === null)
    throw new ProxyError('WORKSPACE_STARTING', 'the workspace has no machine yet', { facts: { status } })
  return { ...provisioner.endpoint({ app, machineId }), machineId }
}
