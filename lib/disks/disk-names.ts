// The ids of disks and the names of their volumes. A volume has no metadata, so its name alone says which control plane
// and which disk it belongs to.
import { encodeBase32 } from '../platform/encoding.ts'

/** `disk_` and 80 random bits. */
export const newDiskId = (): string => `disk_${encodeBase32(crypto.getRandomValues(new Uint8Array(10)))}`

/** The part of a volume's name that identifies the control plane, since several may share an app. */
async function markerOf(controlPlane: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(controlPlane))
  return encodeBase32(new Uint8Array(hash)).slice(0, 6)
}

/** `ws_`, the marker of the control plane, `_` and the random part of the id: 26 of the 30 characters that Fly allows. */
export const volumeName = async (controlPlane: string, diskId: string): Promise<string> =>
  `ws_${await markerOf(controlPlane)}_${diskId.slice('disk_'.length)}`

/** How all volume names of a control plane begin. */
export const volumePrefix = async (controlPlane: string): Promise<string> =>
  `ws_${await markerOf(controlPlane)}_`
