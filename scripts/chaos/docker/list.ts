// The containers of a run's daemon, past the code under test.
import type { Dockerd } from '../../../test/support/dockerd.ts'

export type Listed = {
  Id: string
  Names: string[] | null
  State: string
  Labels: Record<string, string>
  Mounts: { Type: string; Name?: string }[]
}

/** All containers, in any state. */
export const list = async (dockerd: Dockerd) =>
  (await dockerd.api('GET', '/containers/json?all=1')) as Listed[]
