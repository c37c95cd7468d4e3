// A client for the Fly Machines API that needs nothing but fetch, so that it runs alike on Workers and Node.
//
// - One request helper (request.ts) under short verbs. A verb is one call; waiting loops and recovery are the caller's.
// - Failures are FlyErrors with fields (errors.ts); Fly's wording is read once, in refusals.ts.
// - What is repeated, and when, is one table (retry.ts). Creating is made safe by finding, not by repeating.
// - A 404 on DELETE, and "not yet" on wait, are answers and not errors.

import { appVerbs } from './apps.ts'
import { leaseVerbs } from './leases.ts'
import { machineVerbs } from './machines.ts'
import { metadataVerbs } from './metadata.ts'
import { platformVerbs } from './platform.ts'
import { secretVerbs } from './secrets.ts'
import { createRequester } from './request.ts'
import type { FlyClientOptions } from './request.ts'

export type { CreateAppInput, CreateAppOutcome } from './apps.ts'
export type { ListMachinesInput, WaitInput, WaitOutcome, WaitState } from './machines.ts'
export type { CallOptions, FlyCall, FlyClientOptions } from './request.ts'
export type {
  App,
  AssignedIp,
  AssignIpInput,
  CreateMachineInput,
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
} from './shapes.ts'

export type FlyClient = ReturnType<typeof createFlyClient>

/** @throws {Error} for an empty or unsendable token, or a base URL that is none. The message never quotes the token. */
export function createFlyClient(options: FlyClientOptions) {
  const request = createRequester(options)
  return {
    ...machineVerbs(request),
    ...metadataVerbs(request),
    ...leaseVerbs(request),
    ...appVerbs(request),
    ...secretVerbs(request),
    ...platformVerbs(request),
  }
}
