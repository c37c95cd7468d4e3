// Translates a machine spec to Fly's machine config. Every option that matters is explicit, even where it is Fly's
// default.
import { encodeBase64 } from '../../platform/encoding.ts'
import type { MachineConfig } from '../../fly/client.ts'
import type { MachineSpec } from '../../machines/machine-spec.ts'
import { type FlyEndpoint, SERVICE_PORT } from './endpoint.ts'
import { toMetadata } from './labels.ts'
import { secretReferences } from './secrets.ts'

/** Fly restarts a crashed agent so many times before the machine stays stopped. */
export const MAX_RESTARTS = 3

/** `fly`: secret values are app secrets that the config names; `env`: they are plain text in the config. */
export type SecretsDelivery = 'fly' | 'env'

export function flyConfig(
  spec: MachineSpec,
  delivery: SecretsDelivery,
  endpoint: FlyEndpoint,
): MachineConfig {
  const { port, handlers } = SERVICE_PORT[endpoint]
  const isPlain = delivery === 'env'
  const references = isPlain ? undefined : secretReferences(spec)
  return {
    image: spec.image,
    guest: { cpu_kind: 'shared', cpus: spec.cpus, memory_mb: spec.memoryMb },
    env: isPlain ? { ...spec.env, ...spec.secrets } : spec.env,
    files: [
      ...Object.entries(isPlain ? { ...spec.files, ...spec.secretFiles } : spec.files).map(
        ([guest_path, text]) => ({
          guest_path,
          raw_value: encodeBase64(new TextEncoder().encode(text)),
          // Agents switch to an unprivileged user and must read their token (docs/facts/molecule.md §8.5).
          mode: 0o644,
        }),
      ),
      ...Object.entries(spec.callerFiles).map(([guest_path, raw_value]) => ({
        guest_path,
        raw_value,
        mode: 0o644,
      })),
      ...(references?.files ?? []),
    ],
    ...(spec.disk === undefined ? {} : { mounts: [{ volume: spec.disk.id, path: spec.disk.path }] }),
    ...(references === undefined ? {} : { processes: references.processes }),
    metadata: toMetadata(spec.labels),
    services: [
      {
        protocol: 'tcp',
        internal_port: spec.port,
        // This control plane decides when a machine hibernates. Fly's autostop treats all machines of an app as one
        // pool, and with autostart any request would undo a pause (docs/facts/fly.md §4.3, §11.12).
        autostart: false,
        autostop: 'off',
        // No `min_machines_running`: it counts machines per region, and ours are not interchangeable.
        ports: [
          {
            port,
            handlers: [...handlers],
            // Fly ends connections that are idle for 60 s; agents may be silent for longer (docs/facts/fly.md §7.5).
            http_options: { idle_timeout: 3600, response: { pristine: true } },
          },
        ],
      },
    ],
    checks: {
      agent: {
        type: 'http',
        method: 'GET',
        path: spec.healthPath,
        port: spec.port,
        interval: '30s',
        timeout: '5s',
        grace_period: '10s',
        // For display only: a failing check must not separate a busy agent from its callers (docs/facts/fly.md §4.4).
        kind: 'informational',
      },
    },
    // A clean exit stays stopped, so that an agent can end itself; a crash is restarted a few times
    // (docs/facts/fly.md §4.2).
    restart: { policy: 'on-failure', max_retries: MAX_RESTARTS },
    stop_config: { signal: 'SIGTERM', timeout: '30s' },
    auto_destroy: false,
  }
}
