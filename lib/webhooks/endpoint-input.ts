// The input of webhook endpoints.
import { z } from 'zod'
import { EVENT_TYPE_NAMES, unknownTypeText } from '../events/event-types.ts'
import { boundedText } from '../platform/postgres-text.ts'
import { workspaceIdInput } from '../platform/uuid.ts'
import { whenUsed } from '../platform/when-used.ts'

/** All types except `audit`, which must be named. */
export const EVERY_TYPE = '*'

const fields = () => ({
  url: boundedText()
    .max(2_000)
    .refine((text) => URL.canParse(text), 'must be a URL'),
  types: z
    .array(z.enum([EVERY_TYPE, ...EVENT_TYPE_NAMES], { error: ({ input }) => unknownTypeText(input) }))
    .min(1, 'must name at least one type of event, or * for all except audit')
    .max(EVENT_TYPE_NAMES.length + 1),
  workspace_id: workspaceIdInput().nullable(),
  description: boundedText().max(500),
  ordered: z.boolean(),
  enabled: z.boolean(),
  after: z.int().min(0),
})

/** The body of POST /webhook-endpoints. */
export const CreateEndpointInput = whenUsed(() => {
  const { after, description, enabled, ordered, types, url, workspace_id } = fields()
  return z.strictObject({
    url,
    types: types.default([EVERY_TYPE]),
    workspace_id: workspace_id.default(null),
    description: description.default(''),
    ordered: ordered.default(true),
    enabled: enabled.default(true),
    after: after.optional(),
  })
})

/** The body of PATCH /webhook-endpoints/{endpoint}: absent members stay as they are. */
export const UpdateEndpointInput = whenUsed(() => z.strictObject(fields()).partial())

/** The body of POST /webhook-endpoints/{endpoint}/rotate-secret. */
export const RotateSecretInput = whenUsed(() =>
  z.strictObject({
    overlap_hours: z.number().min(0).max(168).default(24),
  }),
)

export type CreateEndpoint = z.infer<typeof CreateEndpointInput>
export type UpdateEndpoint = z.infer<typeof UpdateEndpointInput>
