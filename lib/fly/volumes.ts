// Volumes and their snapshots. A volume is on one host and can be attached to one machine; its name is not unique, and
// it has no metadata (docs/facts/fly.md §2.7). Each method is one call to Fly.

import { FlyError, isAnswer } from './errors.ts'
import type { CallOptions, Requester } from './request.ts'
import * as shapes from './shapes.ts'
import type { CreateVolumeInput, ExtendVolumeAnswer, Volume, VolumeSnapshot } from './shapes.ts'

/** A fork and a restore are answered after the volume is placed, like the create of a machine (docs/facts/fly.md §2.7). */
const PLACEMENT_TIMEOUT_MS = 40_000

/** Calls about volumes; all throw {@link FlyError}. */
export function volumeCalls(request: Requester) {
  const volumesOf = (app: string) => ['v1', 'apps', app, 'volumes']
  const pathOf = (app: string, id: string) => [...volumesOf(app), id]

  return {
    /** All volumes of the app. The list may lag behind writes, so absence proves nothing (docs/facts/fly.md §11.5). */
    async listVolumes(app: string, options: CallOptions = {}): Promise<Volume[]> {
      const all: Volume[] = []
      let cursor: string | undefined
      for (;;) {
        const query = [
          ['limit', '1000'] as const,
          ...(cursor === undefined ? [] : [['cursor', cursor] as const]),
        ]
        const page = await request({
          action: 'list_volumes',
          method: 'GET',
          path: volumesOf(app),
          app,
          query,
          read: shapes.volumes,
          options,
        })
        all.push(...page.body)
        if (page.cursor === undefined) return all
        if (page.cursor === cursor) {
          throw new FlyError('list_volumes: Fly sent the same cursor twice', {
            action: 'list_volumes',
            code: 'malformed_answer',
            status: 200,
            retryable: true,
            applied: 'no',
          })
        }
        cursor = page.cursor
      }
    },

    /**
     * Creates a volume. Not idempotent, and names are not unique: after an error with `applied: 'unknown'`, look for
     * the volume by its name before the next create.
     */
    async createVolume(app: string, input: CreateVolumeInput, options: CallOptions = {}): Promise<Volume> {
      const { body } = await request({
        action: 'create_volume',
        method: 'POST',
        path: volumesOf(app),
        app,
        body: input,
        read: shapes.volume,
        timeoutMs: PLACEMENT_TIMEOUT_MS,
        options,
      })
      return body
    },

    /** Throws `volume_not_found`. */
    async getVolume(app: string, id: string, options: CallOptions = {}): Promise<Volume> {
      const { body } = await request({
        action: 'get_volume',
        method: 'GET',
        path: pathOf(app, id),
        app,
        read: shapes.volume,
        options,
      })
      return body
    },

    /** Destroys a volume with its data. `found: false`: Fly no longer knows it. Throws `volume_in_use`. */
    async destroyVolume(app: string, id: string, options: CallOptions = {}): Promise<{ found: boolean }> {
      try {
        await request({ action: 'destroy_volume', method: 'DELETE', path: pathOf(app, id), app, options })
        return { found: true }
      } catch (error) {
        if (isAnswer(error, 404)) return { found: false }
        throw error
      }
    },

    /** Grows a volume to `sizeGb`; it never shrinks. */
    async extendVolume(
      app: string,
      id: string,
      sizeGb: number,
      options: CallOptions = {},
    ): Promise<ExtendVolumeAnswer> {
      const { body } = await request({
        action: 'extend_volume',
        method: 'PUT',
        path: [...pathOf(app, id), 'extend'],
        app,
        body: { size_gb: sizeGb },
        read: shapes.extendVolumeAnswer,
        options,
      })
      return body
    },

    async listSnapshots(app: string, id: string, options: CallOptions = {}): Promise<VolumeSnapshot[]> {
      const { body } = await request({
        action: 'list_snapshots',
        method: 'GET',
        path: [...pathOf(app, id), 'snapshots'],
        app,
        read: shapes.snapshots,
        options,
      })
      return body
    },

    /**
     * Requests a snapshot; the answer does not say its id. One that is scheduled already is a success
     * (docs/facts/fly.md §2.7).
     */
    async createSnapshot(app: string, id: string, options: CallOptions = {}): Promise<void> {
      try {
        await request({
          action: 'create_snapshot',
          method: 'POST',
          path: [...pathOf(app, id), 'snapshots'],
          app,
          options,
        })
      } catch (error) {
        if (isAnswer(error, 412) && /already scheduled/i.test(error.flyText ?? '')) return
        throw error
      }
    },
  }
}
