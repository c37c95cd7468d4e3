// Metadata of machines: labels that change without a new version or a restart, and by which a list can be filtered
// (docs/facts/fly.md §2.6).

import { isAnswer } from './errors.ts'
import type { CallOptions, Requester } from './request.ts'
import * as shapes from './shapes.ts'

/** Calls about metadata; all throw FlyError. */
export function metadataCalls(request: Requester) {
  const pathOf = (app: string, id: string) => ['v1', 'apps', app, 'machines', id, 'metadata']

  return {
    async getMetadata(app: string, id: string, options: CallOptions = {}): Promise<Record<string, string>> {
      const { body } = await request({
        action: 'get_metadata',
        method: 'GET',
        path: pathOf(app, id),
        app,
        read: shapes.metadata,
        options,
      })
      return body
    },

    /** Sets one key. */
    async setMetadata(
      app: string,
      id: string,
      key: string,
      value: string,
      options: CallOptions = {},
    ): Promise<void> {
      await request({
        action: 'set_metadata',
        method: 'POST',
        path: [...pathOf(app, id), key],
        app,
        body: { value },
        options,
      })
    },

    /** Merges; null removes a key. With `machineVersion`, throws `version_mismatch` when the machine has changed. */
    async patchMetadata(
      app: string,
      id: string,
      metadata: Record<string, string | null>,
      { machineVersion, ...options }: CallOptions & { machineVersion?: string } = {},
    ): Promise<void> {
      await request({
        action: 'patch_metadata',
        method: 'PATCH',
        path: pathOf(app, id),
        app,
        body: { metadata, ...(machineVersion !== undefined && { machine_version: machineVersion }) },
        options,
      })
    },

    /** Removes one key. `found: false`: the key or the machine does not exist. */
    async deleteMetadata(
      app: string,
      id: string,
      key: string,
      options: CallOptions = {},
    ): Promise<{ found: boolean }> {
      try {
        const path = [...pathOf(app, id), key]
        await request({ action: 'delete_metadata', method: 'DELETE', path, app, options })
        return { found: true }
      } catch (error) {
        if (isAnswer(error, 404)) return { found: false }
        throw error
      }
    },
  }
}
