// Events in the API description: one schema for each event type, discriminated by `type`.
import { z } from '@hono/zod-openapi'
import { described } from '../../../lib/platform/described.ts'
import { EVENT_TYPE_NAMES, EVENT_TYPES, type EventType } from '../../../lib/events/event-types.ts'

/** `workspace_created` → `WorkspaceCreatedEvent`. */
const nameOf = (type: EventType) =>
  `${type
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('')}Event`

const viewOf = (type: EventType) =>
  z
    .object({
      seq: z.int(),
      type: z.literal(type),
      workspace_id: z.uuid().nullable(),
      generation: z.int().nullable(),
      at: z.iso.datetime(),
      payload: EVENT_TYPES[type].payload as z.ZodObject,
    })
    .openapi(nameOf(type), { description: EVENT_TYPES[type].says })

const [first, ...rest] = EVENT_TYPE_NAMES

export const EventView = described(() =>
  z.discriminatedUnion('type', [viewOf(first), ...rest.map(viewOf)]).openapi('Event'),
)
