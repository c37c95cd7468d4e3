import { describe, expect, it } from 'vitest'
import type { FlyAction } from '../../lib/fly/actions.ts'
import {
  capacityScope,
  classify,
  existingMachineId,
  isRetryable,
  readRefusal,
  retryAfterMs,
} from '../../lib/fly/refusals.ts'

describe('an error body', () => {
  it.each([
    ['{"error":"machine not found"}', { text: 'machine not found' }],
    [
      '{"error":"no room","status":"insufficient_capacity"}',
      { text: 'no room', label: 'insufficient_capacity' },
    ],
    ['{"status":"error","message":"held","code":"invalid"}', { text: 'held', label: 'error' }],
    ['{"error":"old","message":"new"}', { text: 'new' }],
    ['{"error":"only","message":""}', { text: 'only' }],
    ['upstream connect error\n', { text: 'upstream connect error' }],
    ['{"error":"cut of', { text: '{"error":"cut of' }],
    ['{"error":{"deep":1}}', { text: '{"error":{"deep":1}}' }],
    ['"words"', { text: '"words"' }],
    ['null', { text: 'null' }],
    ['', { text: '' }],
  ])('the error body %j is parsed', (body, refusal) => {
    expect(readRefusal(409, body)).toEqual({ status: 409, ...refusal })
  })
})

describe('capacity', () => {
  const host = 'aborted: could not reserve resource for machine: insufficient'
  it.each([
    [422, 'anything', 'insufficient_capacity', 'region'],
    [422, 'could not find a candidate host', undefined, 'region'],
    [409, 'aborted: no capacity', undefined, 'region'],
    [400, 'no capacity', undefined, 'region'],
    [412, 'anything', 'volume_placement_capacity', 'volume'],
    [412, "insufficient resources to create new machine with existing volume 'vol_1'", undefined, 'volume'],
    [409, "insufficient resources to create new machine with existing volume 'vol_1'", undefined, 'volume'],
    [409, `${host} memory available to fulfill request`, undefined, 'host'],
    [409, `${host} CPUs available to fulfill request on the current host`, undefined, 'host'],
    [409, `${host} IPs available to fulfill request`, undefined, 'host'],
    [412, 'insufficient resources available to fulfill request', undefined, 'host'],
    [
      403,
      'organization "X" is using 9 MB of memory in dfw which is over the allowed quota',
      undefined,
      'quota',
    ],
    [422, 'To create more than 1 machine per app please add a payment method', undefined, 'quota'],
    [409, 'aborted: machine update failed due to concurrent update', undefined, undefined],
    [412, 'failed_precondition: machine still active, refusing to start', undefined, undefined],
    [422, 'anything', 'unknown', undefined],
    [503, 'no capacity', undefined, undefined],
    [200, 'no capacity', undefined, undefined],
  ])('the answer %d %j (%s) has the capacity scope %s', (status, text, label, scope) => {
    expect(capacityScope({ status, text, ...(label !== undefined && { label }) })).toBe(scope)
  })
})

describe('a refusal', () => {
  it.each<[FlyAction, number, string, string, string?]>([
    ['get_machine', 401, 'Authenticate: token validation error', 'unauthorized'],
    ['get_app', 403, '', 'forbidden'],
    ['create_machine', 403, 'which is over the allowed quota', 'quota'],
    ['get_app', 404, '', 'app_not_found'],
    ['list_machines', 404, 'app not found', 'app_not_found'],
    ['get_machine', 404, 'app not found', 'app_not_found'],
    ['get_machine', 404, 'not_found: machine not found', 'machine_not_found'],
    ['get_machine', 404, "invalid machine ID, 'x'", 'machine_not_found'],
    ['get_lease', 404, 'machine 1234 lease not found', 'lease_not_found'],
    ['create_machine', 404, 'app x: volume not found', 'volume_not_found'],
    [
      'create_machine',
      412,
      'failed_precondition: volume vol_1 is currently attached to machine 148e',
      'volume_in_use',
    ],
    ['destroy_volume', 412, 'failed_precondition: volume vol_1 is in use', 'volume_in_use'],
    ['get_machine', 404, 'machine my-app not found', 'machine_not_found'],
    ['get_machine', 404, '', 'not_found'],
    ['create_machine', 408, '', 'timeout'],
    ['create_machine', 409, 'already_exists: unique machine name violation, machine ID 1 …', 'name_taken'],
    ['create_app', 409, 'conflict', 'app_name_taken'],
    ['create_app', 422, 'x', 'app_name_taken', 'name_taken'],
    ['create_app', 422, 'Validation failed: Name has already been taken', 'app_name_taken'],
    ['create_app', 422, 'Validation failed: Name is too long', 'invalid_request'],
    ['stop_machine', 409, 'aborted: machine ID 1 lease currently held by x@y, expires at 2026', 'lease_held'],
    ['update_machine', 409, 'aborted: machine update failed due to concurrent update', 'concurrent_update'],
    ['update_machine', 409, 'current version does not match', 'version_mismatch'],
    ['destroy_machine', 409, 'unable to destroy machine, not currently stopped', 'wrong_state'],
    ['start_machine', 409, 'aborted: something new', 'conflict'],
    ['start_machine', 409, 'insufficient resources available to fulfill request', 'insufficient_capacity'],
    ['start_machine', 412, 'failed_precondition: machine getting replaced', 'wrong_state'],
    ['patch_metadata', 412, 'machine_version mismatch', 'version_mismatch'],
    ['create_machine', 422, 'x', 'insufficient_capacity', 'insufficient_capacity'],
    ['create_machine', 400, 'manifest unknown', 'image_unpullable'],
    ['create_machine', 404, 'failed to get manifest registry.fly.io/x: not found', 'image_unpullable'],
    ['create_machine', 401, 'unauthorized', 'unauthorized'],
    ['create_machine', 400, 'invalid config.guest', 'invalid_request'],
    ['get_machine', 429, 'rate limit exceeded', 'rate_limited'],
    ['get_machine', 500, 'machine not found', 'platform'],
    ['get_machine', 302, '', 'malformed_answer'],
    ['get_machine', 418, '', 'invalid_request'],
  ])('a refusal of %s with %d %j has the code %s', (action, status, text, code, label) => {
    expect(classify(action, { status, text, ...(label !== undefined && { label }) })).toBe(code)
  })

  it('a name conflict names the existing machine', () => {
    const text =
      'already_exists: unique machine name violation, machine ID 148e123 already exists with name "w-1"'
    expect(existingMachineId(text)).toBe('148e123')
    expect(existingMachineId('name taken')).toBeUndefined()
  })

  it.each([
    ['failed_precondition: machine getting replaced, refusing to start', true],
    ['failed_precondition: machine still active, refusing to start', true],
    ['machine still attempting to start', true],
    ["unable to start machine from current state: 'created'", false],
  ])('the state error %j may disappear without action: %s', (text, passes) => {
    expect(isRetryable('wrong_state', text)).toBe(passes)
  })
})

describe('Retry-After', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  it.each([
    [null, undefined],
    ['5', 5000],
    [' 0 ', 0],
    ['Thu, 01 Jan 2026 00:00:07 GMT', 7000],
    ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['soon', undefined],
  ])('Retry-After: %j is %s ms', (header, ms) => {
    expect(retryAfterMs(header, now)).toBe(ms)
  })
})
