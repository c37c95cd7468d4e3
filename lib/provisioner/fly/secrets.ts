// Delivers secret values to machines as app secrets, because everyone who may list machines can read a machine's
// config. Each machine's process and files name the app secrets that belong to it. SECURITY.md compares the
// alternatives.
//
// A secret's name contains the generation: a machine keeps the values of its generation until it is updated, and
// names show which secrets no machine needs any longer.
import { encodeBase64 } from '../../platform/encoding.ts'
import type { MachineConfig } from '../../fly/client.ts'
import type { MachineLabels, MachineSpec } from '../../machines/machine-spec.ts'

const NAME = /^MW_([0-9A-F]{8})_([0-9A-F]{32})_(\d+)_(?:E|F)_/

/** The part of a name that identifies the control plane, since several may share an app. */
const markerOf = (controlPlane: string) => controlPlane.replaceAll('-', '').slice(0, 8).toUpperCase()

const prefixOf = ({ controlPlane, generation, workspaceId }: MachineLabels) =>
  `MW_${markerOf(controlPlane)}_${workspaceId.replaceAll('-', '').toUpperCase()}_${generation}`

const variableName = (labels: MachineLabels, variable: string) => `${prefixOf(labels)}_E_${variable}`

const fileName = (labels: MachineLabels, path: string) =>
  `${prefixOf(labels)}_F_${path.replaceAll(/[^A-Za-z0-9]+/g, '_').toUpperCase()}`

/** The secrets to set before the machine is created. A file's value must be base64 (docs/facts/fly.md §4.2). */
export function appSecrets({ labels, secretFiles, secrets }: MachineSpec): Record<string, string> {
  const variables = Object.entries(secrets).map(([name, value]) => [variableName(labels, name), value])
  const files = Object.entries(secretFiles).map(([path, text]) => [
    fileName(labels, path),
    encodeBase64(new TextEncoder().encode(text)),
  ])
  return Object.fromEntries([...variables, ...files]) as Record<string, string>
}

/** The parts of a machine's config that name its secrets and exclude all other secrets of the app. */
export function secretReferences({ exec, labels, secretFiles, secrets }: MachineSpec): {
  processes: NonNullable<MachineConfig['processes']>
  files: NonNullable<MachineConfig['files']>
} {
  return {
    processes: [
      {
        // Whether Fly keeps the image's ENTRYPOINT without `exec` is not known (docs/facts/fly.md §4.2).
        ...(exec === undefined ? {} : { exec }),
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

/** The owner of a secret, from its name; undefined for a secret that is not of this control plane. */
export function ownerOf(
  name: string,
  controlPlane: string,
): { workspaceId: string; generation: number } | undefined {
  const [, marker, id = '', generation] = NAME.exec(name) ?? []
  if (marker !== markerOf(controlPlane)) return undefined
  const hex = id.toLowerCase()
  const workspaceId = [0, 8, 12, 16, 20].map((from, at, all) => hex.slice(from, all[at + 1])).join('-')
  return { workspaceId, generation: Number(generation) }
}
