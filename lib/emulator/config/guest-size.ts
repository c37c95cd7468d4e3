// The virtual machine sizes that Fly sells: the ranges of docs/facts/fly.md §4.1, and the error texts for other sizes.

import { FlyError } from '../shared/fly-error.ts'

export type GuestSize = { cpu_kind: string; cpus: number; memory_mb: number; [key: string]: unknown }

const KINDS: Record<string, { cpus: number[]; min: number; max: number; step: number }> = {
  shared: { cpus: [1, 2, 4, 6, 8], min: 256, max: 2048, step: 256 },
  performance: { cpus: [1, 2, 4, 6, 8, 10, 12, 14, 16, 32, 64, 128], min: 2048, max: 8192, step: 1024 },
}

/**
 * The guest of a config, from `guest` or `size`, with the defaults: shared, 1 CPU, the smallest memory.
 * @throws FlyError 400 with Fly's text for a size that is not sold
 */
export function resolveGuest(guest: Partial<GuestSize> | undefined, size: string | undefined): GuestSize {
  if (guest !== undefined && size !== undefined) {
    throw new FlyError(400, 'invalid_argument: config.size and config.guest are mutually exclusive')
  }
  const asked = size === undefined ? (guest ?? {}) : parseSize(size)
  const cpuKind = asked.cpu_kind ?? 'shared'
  const kind = KINDS[cpuKind]
  if (kind === undefined) throw new FlyError(400, `invalid config.guest.cpu_kind, unknown kind "${cpuKind}"`)
  const cpus = asked.cpus ?? 1
  if (!kind.cpus.includes(cpus)) {
    throw new FlyError(
      400,
      `invalid config.guest.cpus, valid values for ${cpuKind} are ${kind.cpus.join(', ')}`,
    )
  }
  const [least, most] = [kind.min * cpus, kind.max * cpus]
  const memory = asked.memory_mb ?? least
  if (memory < least) throw new FlyError(400, `invalid config.guest.memory_mb, minimum required ${least} MiB`)
  if (memory > most)
    throw new FlyError(400, `invalid config.guest.memory_mb, max config.guest.memory_mb: ${most}`)
  if (memory % kind.step !== 0) {
    throw new FlyError(400, `invalid config.guest.memory_mb, must be a multiple of ${kind.step} MiB`)
  }
  return { ...asked, cpu_kind: cpuKind, cpus, memory_mb: memory }
}

function parseSize(size: string): GuestSize {
  const [, kindName, cpus] = /^(shared-cpu|performance)-(\d+)x$/.exec(size) ?? []
  const kind = kindName === 'shared-cpu' ? 'shared' : kindName
  if (kind === undefined || cpus === undefined) throw new FlyError(400, `invalid config.size "${size}"`)
  return { cpu_kind: kind, cpus: Number(cpus), memory_mb: (KINDS[kind]?.min ?? 256) * Number(cpus) }
}
