// What there is at the provider of a run, in the same terms for each provider.

/** A machine at the provider. States are those of Fly. */
export type SeenMachine = {
  id: string
  state: string
  destroyed: boolean
  image: string
  /** The labels of its control plane and its workspace; undefined without them. */
  controlPlane: string | undefined
  workspace: string | undefined
  volume: string | undefined
}

export type SeenVolume = { id: string; name: string; isDeleted: boolean }

export type Holdings = { machines: SeenMachine[]; volumes: SeenVolume[] }
