// All settings, as the tree that the rest of the code reads.
import {
  backend,
  driftPolicy,
  orphanGraceSeconds,
  provisionTimeoutSeconds,
  secretsDelivery,
} from './backend.ts'
import { DISKS } from './disks.ts'
import { DOCKER } from './docker.ts'
import { ENCRYPTION } from './encryption.ts'
import { FLY } from './fly.ts'
import { FORGE_SECRETS, IMAGES, ROLLOUTS } from './images.ts'
import { LIVENESS } from './liveness.ts'
import { LIMITS } from './limits.ts'
import { SLEEP } from './sleep.ts'
import { EMULATOR, SERVER } from './server.ts'
import type { Values } from './setting.ts'

export const SETTINGS = {
  ...SERVER,
  ...LIMITS,
  backend,
  secretsDelivery,
  fly: FLY,
  docker: DOCKER,
  emulator: EMULATOR,
  disks: DISKS,
  liveness: LIVENESS,
  sleep: SLEEP,
  provisionTimeoutSeconds,
  driftPolicy,
  orphanGraceSeconds,
  images: IMAGES,
  rollouts: ROLLOUTS,
  forgeSecrets: FORGE_SECRETS,
  encryption: ENCRYPTION,
}

/** The settings as they are declared, each with its value. */
export type Settings = Values<typeof SETTINGS>
