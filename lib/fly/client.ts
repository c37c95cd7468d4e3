// A client for the Fly Machines API that needs only fetch, so it runs on Workers and Node.
//
// - All calls use one request helper (request.ts). A method is one call; loops and recovery belong to the caller.
// - Failures are FlyErrors with fields (errors.ts); only refusals.ts reads Fly's wording.
// - retry.ts has the whole retry policy in one table. Creates are not repeated; a lost create is found by name.
// - A 404 on DELETE and a 408 on wait are results, not errors.

import { appCalls } from './apps.ts'
import { execCalls } from './exec.ts'
import { leaseCalls } from './leases.ts'
import { logCalls } from './logs.ts'
import { machineStateCalls } from './machine-states.ts'
import { machineCalls } from './machines.ts'
import { metadataCalls } from './metadata.ts'
import { platformCalls } from './platform.ts'
import { secretCalls } from './secrets.ts'
import { volumeCalls } from './volumes.ts'
import { createRequester } from './request.ts'
import type { FlyClientOptions } from './request.ts'

export type { CreateAppInput, CreateAppOutcome } from './apps.ts'
export type { ExecAnswer, ExecInput } from './exec.ts'
export type { FlyLogPage } from './logs.ts'
export type { WaitInput, WaitOutcome, WaitState } from './machine-states.ts'
export type { ListMachinesInput } from './machines.ts'
export type { CallOptions, FlyCall, FlyClientOptions } from './request.ts'
export type {
  App,
  AssignedIp,
  AssignIpInput,
  CreateMachineInput,
  CreateVolumeInput,
  ExitEvent,
  IpAssignment,
  Lease,
  LeaseView,
  Machine,
  MachineConfig,
  MachineEvent,
  Region,
  StartAnswer,
  StopMachineInput,
  TokenInfo,
  UpdateMachineInput,
  Volume,
  VolumeSnapshot,
} from './shapes.ts'

/** Logs are not part of the Machines API (docs/facts/fly.md §12.2). */
const DEFAULT_LOGS_URL = 'https://api.fly.io'

export type FlyClient = ReturnType<typeof createFlyClient>

/** @throws {Error} for an empty or unsendable token, or an invalid base URL. The message never quotes the token. */
export function createFlyClient(options: FlyClientOptions) {
  const request = createRequester(options)
  const requestLogs = createRequester({ ...options, baseUrl: options.logsUrl ?? DEFAULT_LOGS_URL })
  return {
    ...machineCalls(request),
    ...machineStateCalls(request),
    ...metadataCalls(request),
    ...leaseCalls(request),
    ...appCalls(request),
    ...secretCalls(request),
    ...volumeCalls(request),
    ...platformCalls(request),
    ...execCalls(request),
    ...logCalls(requestLogs),
  }
}
