// Apps and their IP addresses. An app is the unit of isolation: its machines share secrets, and its network is fixed
// when it is created (docs/facts/fly.md §2.1).

import { FlyError } from './errors.ts'
import type { CallOptions, Requester } from './request.ts'
import * as shapes from './shapes.ts'
import type { App, AssignedIp, AssignIpInput, IpAssignment } from './shapes.ts'

export type CreateAppInput = { name: string; org: string; network?: string | undefined }

/** `app` is present when the app existed already: check that its `network` is the requested one. */
export type CreateAppOutcome = { name: string; created: true } | { name: string; created: false; app: App }

/** Calls about apps; all throw FlyError. */
export function appCalls(request: Requester) {
  const pathOf = (app: string) => ['v1', 'apps', app]

  /**
   * Throws `app_not_found`, or `forbidden` for another organization's app. Right after create, `unauthorized` also
   * occurs (docs/facts/fly.md §1.2).
   */
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
     * Creates an app, or returns the organization's app of that name, which an earlier attempt may have created.
     * Throws `app_name_taken` when the name belongs to another organization, since names are global
     * (docs/facts/fly.md §2.1).
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
        // When this lookup fails too, the error of the create is the one to report.
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

    /**
     * Not idempotent: after `applied: 'unknown'`, list first. An app created by API has no address until one is
     * assigned.
     */
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
