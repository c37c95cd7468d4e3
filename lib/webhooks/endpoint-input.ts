// The input of webhook endpoints.
import { z } from 'zod'
import { EVENT_TYPE_NAMES, unknownTypeText } from '../events/event-types.ts'
import { boundedText } from '../platform/postgres-text.ts'
import { workspaceIdInput } from '../platform/uuid.ts'

/** All types except `audit`, which must be named. */
export const EVERY_TYPE = '*'

const types = z
  .array(z.enum([EVERY_TYPE, ...EVENT_TYPE_NAMES], { error: ({ input }) => unknownTypeText(input) }))
  .min(1, 'must name at least one type of event, or * for all except audit')
  .max(EVENT_TYPE_NAMES.length + 1)

const after = z.int().min(0)

const fields = {
  url: boundedText()
    .max(2_000)
    .refine((text) => URL.canParse(text), 'must be a URL'),
  types,
  workspace_id: workspaceIdInput().nullable(),
  description: boundedText().max(500),
  ordered: z.boolean(),
  enabled: z.boolean(),
  after,
}

/** The body of POST /webhook-endpoints. */
export const CreateEndpointInput = z.strictObject({
  url: fields.url,
  types: fields.types.default([EVERY_TYPE]),
  workspace_id: fields.workspace_id.default(null),
  description: fields.description.default(''),
  ordered: fields.ordered.default(true),
  enabled: fields.enabled.default(true),
  after: fields.after.optional(),
})

/** The body of PATCH /webhook-endpoints/{endpoint}: absent members stay as they are. */
export const UpdateEndpointInput = z.strictObject(fields).partial()

/** The body of POST /webhook-endpoints/{endpoint}/rotate-secret. */
export const RotateSecretInput = z.strictObject({
  overlap_hours: z.number().min(0).max(168).default(24),
})

export type CreateEndpoint = z.infer<typeof CreateEndpointInput>
export type UpdateEndpoint = z.infer<typeof UpdateEndpointInput>
