// How secret values reach a machine at Fly without being in its config, which everybody who may list machines can read: as
// secrets of the app, under names of their own, of which the machine's process and files name those that are theirs. The
// other ways were weighed in SECURITY.md.
//
// A name carries the generation. A machine that still runs with an older one keeps its values until it is updated, and what
// no machine needs any more can be told by its name.
import { encodeBase64 } from '../../platform/encoding.ts'
import type { MachineConfig } from '../../fly/client.ts'
import type { MachineLabels, MachineSpec } from '../../machines/machine-spec.ts'

const NAME = /^MW_([0-9A-F]{8})_([0-9A-F]{32})_(\d+)_(?:E|F)_/

/** Our names in an app begin so: other control planes in the same app have theirs. */
const markOf = (controlPlane: string) => controlPlane.replaceAll('-', '').slice(0, 8).toUpperCase()

const prefixOf = ({ controlPlane, generation, workspaceId }: MachineLabels) =>
  `MW_${markOf(controlPlane)}_${workspaceId.replaceAll('-', '').toUpperCase()}_${generation}`

const variableName = (labels: MachineLabels, variable: string) => `${prefixOf(labels)}_E_${variable}`

const fileName = (labels: MachineLabels, path: string) =>
  `${prefixOf(labels)}_F_${path.replaceAll(/[^A-Za-z0-9]+/g, '_').toUpperCase()}`

/** What has to be set in the app before the machine is made. A file's value is base64 by itself (docs/facts/fly.md §4.2). */
export function appSecrets({ labels, secretFiles, secrets }: MachineSpec): Record<string, string> {
  const variables = Object.entries(secrets).map(([name, value]) => [variableName(labels, name), value])
  const files = Object.entries(secretFiles).map(([path, text]) => [
    fileName(labels, path),
    encodeBase64(new TextEncoder().encode(text)),
  ])
  return Object.fromEntries([...variables, ...files]) as Record<string, string>
}

/** The parts of a machine's config that name its secrets, and shut out those of the rest of the app. */
export function secretReferences({ labels, secretFiles, secrets }: MachineSpec): {
  processes: NonNullable<MachineConfig['processes']>
  files: NonNullable<MachineConfig['files']>
} {
  return {
    processes: [
      {
        ignore_app_secrets: true,
        secrets: Object.keys(secrets).map((variable) => ({
          env_var: variable,
          name: variableName(labels, variable),
        })),
      },
    ],
    files: Object.keys(secretFiles).map((path) => ({
      guest_path: path,
      secret_name: fileName(labels, path),
      mode: 0o644,
    })),
  }
}

/** Whose secret a name is; undefined for one that is not of this control plane. */
export function ownerOf(
  name: string,
  controlPlane: string,
): { workspaceId: string; generation: number } | undefined {
  const [, mark, id = '', generation] = NAME.exec(name) ?? []
  if (mark !== markOf(controlPlane)) return undefined
  const hex = id.toLowerCase()
  const workspaceId = [0, 8, 12, 16, 20].map((from, at, all) => hex.slice(from, all[at + 1])).join('-')
  return { workspaceId, generation: Number(generation) }
}
