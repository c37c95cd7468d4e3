// Apps and their addresses. An app is the unit of isolation: machines in one share its secrets, and its network is set
// once, when it is made (fly.md §2.1).

import { FlyError } from './errors.ts'
import type { CallOptions, Requester } from './request.ts'
import * as shapes from './shapes.ts'
import type { App, AssignedIp, AssignIpInput, IpAssignment } from './shapes.ts'

export type CreateAppInput = { name: string; org: string; network?: string | undefined }

/** `app` is there when the app was found rather than made: see that its `network` is the one you asked for. */
export type CreateAppOutcome = { name: string; created: true } | { name: string; created: false; app: App }

/** Verbs about apps; all throw FlyError. */
export function appVerbs(request: Requester) {
  const pathOf = (app: string) => ['v1', 'apps', app]

  /** Another organisation's app is `forbidden`, none is `app_not_found`; just after create also `unauthorized` (fly.md §1.2). */
  async function getApp(app: string, options: CallOptions = {}): Promise<App> {
    const { body } = await request({
      action: 'get_app',
      method: 'GET',
      path: pathOf(app),
      app,
      read: shapes.app,
      options,
    })
    return body
  }

  return {
    getApp,

    /**
     * Makes an app, or finds that the organisation has it: names are global, so a taken one may be what an earlier
     * attempt made. `app_name_taken` when it is somebody else's (fly.md §2.1).
     */
    async createApp(
      { name, org, network }: CreateAppInput,
      options: CallOptions = {},
    ): Promise<CreateAppOutcome> {
      try {
        const body = { name, org_slug: org, ...(network !== undefined && { network }) }
        await request({
          action: 'create_app',
          method: 'POST',
          path: ['v1', 'apps'],
          app: name,
          body,
          options,
        })
        return { name, created: true }
      } catch (error) {
        if (!(error instanceof FlyError)) throw error
        if (error.code !== 'app_name_taken' && error.applied === 'no') throw error
        // A failed look changes nothing about what is known: the create's own error is the one to report.
        const app = await getApp(name, options).catch(() => undefined)
        if (app?.organization?.slug !== org) throw error
        return { name, created: false, app }
      }
    },

    async listIpAssignments(app: string, options: CallOptions = {}): Promise<IpAssignment[]> {
      const { body } = await request({
        action: 'list_ips',
        method: 'GET',
        path: [...pathOf(app), 'ip_assignments'],
        app,
        read: shapes.ipList,
        options,
      })
      return body.ips
    },

    /** Not idempotent: after `applied: 'unknown'`, list first. An app made by API has no address until it is given one. */
    async assignIp(app: string, input: AssignIpInput, options: CallOptions = {}): Promise<AssignedIp> {
      const { body } = await request({
        action: 'assign_ip',
        method: 'POST',
        path: [...pathOf(app), 'ip_assignments'],
        app,
        body: input,
        read: shapes.assignedIp,
        options,
      })
      return body
    },
  }
}
