// Types of events that only callers who may read the audit get, and only when they name the type. Part of the one list
// in event-types.ts.
import { z } from 'zod'
import { described } from '../platform/described.ts'
import { by, type EventKind } from './event-payloads.ts'

export const ADMIN_EVENTS = {
  api_token_created: described(() => ({
    says: 'An API token was created.',
    payload: z.strictObject({
      token_id: z.uuid(),
      name: z.string(),
      scopes: z.array(z.string()),
      workspaces: z.array(z.uuid()).nullable(),
      expires_at: z.iso.datetime().nullable(),
      by,
    }),
  })),
  api_token_revoked: described(() => ({
    says: 'An API token was revoked.',
    payload: z.strictObject({ token_id: z.uuid(), name: z.string(), by }),
  })),
  webhook_endpoint_disabled: described(() => ({
    says: 'A webhook endpoint gets no more deliveries: it was disabled, answered 410, or failed for days.',
    payload: z.strictObject({
      endpoint_id: z.uuid(),
      url: z.string(),
      reason: z.enum(['asked', 'gone', 'failing']),
      last_failure: z.looseObject({}).nullable().optional(),
      by,
    }),
  })),
  webhook_endpoint_enabled: described(() => ({
    says: 'A webhook endpoint gets deliveries again, from where it was left.',
    payload: z.strictObject({ endpoint_id: z.uuid(), url: z.string(), by }),
  })),
  webhook_events_missed: described(() => ({
    says: 'Events expired before they could be delivered to a webhook endpoint.',
    payload: z.strictObject({ endpoint_id: z.uuid(), from: z.int(), to: z.int() }),
  })),
  audit: described(() => ({
    says: 'A request for a change, whether it was allowed or refused.',
    payload: z.strictObject({
      caller: z.string(),
      caller_name: z.string().nullable(),
      route: z.string(),
      status: z.int(),
      outcome: z.enum(['ok', 'refused', 'failed']),
      address: z.string(),
      other_workspaces: z.array(z.uuid()).optional(),
      command: z.string().optional(),
      request_id: z.string(),
      user_agent: z.string().nullable(),
    }),
  })),
} as const satisfies Record<string, EventKind>
