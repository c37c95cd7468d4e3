// The input of hook routes: the hook's name, how senders authenticate, and what message a delivery becomes.
import { z } from 'zod'
import { pathName } from '../platform/path-name.ts'
import { boundedText } from '../platform/postgres-text.ts'
import { templateProblem } from './template.ts'
import { type Scheme, SCHEMES, standardKey } from './verify.ts'
import { whenUsed } from '../platform/when-used.ts'

/** The last segment of the hook's address. */
export const HookName = pathName('github-issues')

/** Schemes whose secret only the sender can issue, and where it is shown. */
const ISSUED: Partial<Record<Scheme, string>> = {
  slack: "is issued by Slack: the app's Basic Information → Signing Secret",
  stripe: "is issued by Stripe: the endpoint's Signing secret, whsec_…",
}

/** Shortest secret in characters, because a shorter one could be guessed. */
const SHORTEST_SECRET = 16

const Secret = whenUsed(() =>
  boundedText()
    .min(SHORTEST_SECRET, `must have at least ${SHORTEST_SECRET} characters`)
    .max(512)
    .refine((secret) => secret.trim() === secret, 'must not begin or end with a space or a line break'),
)

const Template = whenUsed(() =>
  boundedText()
    .max(8_000)
    .superRefine((template, context) => {
      const message = templateProblem(template)
      if (message !== undefined) context.addIssue({ code: 'custom', message })
    }),
)

const Events = whenUsed(() =>
  z
    .array(boundedText().min(1).max(200))
    .min(1, 'must contain at least one name; null accepts all events')
    .max(100),
)

const DeliveryHeader = whenUsed(() =>
  z
    .string()
    .regex(/^[A-Za-z0-9-]{1,100}$/, 'must be the name of a header')
    .toLowerCase(),
)

/** Null: the limit of the scheme (HOOK_MAX_BODY_BYTES), which is also the most that counts. */
const MaxBodyBytes = whenUsed(() =>
  z.int().min(1, 'must be a number of bytes, or null').max(100_000_000).nullish(),
)

/** The body of POST …/hooks. */
export const CreateHookInput = whenUsed(() =>
  z
    .strictObject({
      name: HookName,
      scheme: z.enum(SCHEMES),
      secret: Secret.nullish(),
      template: Template.default(''),
      events: Events.nullish(),
      delivery_header: DeliveryHeader.nullish(),
      max_body_bytes: MaxBodyBytes,
      enabled: z.boolean().default(true),
    })
    .superRefine(({ delivery_header, scheme, secret }, context) => {
      const refuse = (field: string, message: string | undefined) => {
        if (message !== undefined) context.addIssue({ code: 'custom', path: [field], message })
      }
      refuse('secret', secretProblem(scheme, secret ?? undefined))
      refuse('delivery_header', deliveryHeaderProblem(scheme, delivery_header ?? null))
    }),
)

/** The body of PATCH …/hooks/:hook. Absent members stay unchanged. */
export const UpdateHookInput = whenUsed(() =>
  z.strictObject({
    template: Template.optional(),
    events: Events.nullish(),
    delivery_header: DeliveryHeader.nullish(),
    max_body_bytes: MaxBodyBytes,
    enabled: z.boolean().optional(),
  }),
)

/** The body of POST …/hooks/:hook/rotate, which is optional. */
export const RotateHookInput = whenUsed(() =>
  z.strictObject({
    secret: Secret.nullish(),
    overlap_hours: z.number().min(0).max(168).default(24),
  }),
)

/** Why a secret is not valid for a scheme. @param secret undefined if the control plane generates one */
export function secretProblem(scheme: Scheme, secret: string | undefined): string | undefined {
  if (secret === undefined) return ISSUED[scheme]
  if (scheme === 'standard' && (standardKey(secret)?.length ?? 0) < SHORTEST_SECRET)
    return `must be whsec_ and the base64 of at least ${SHORTEST_SECRET} bytes`
  if (scheme === 'bearer' && !/^[\x21-\x7e]+$/.test(secret))
    return 'must be printable ASCII without spaces, because it is sent in a header'
  return undefined
}

export const deliveryHeaderProblem = (scheme: Scheme, name: string | null): string | undefined =>
  name === null || scheme === 'bearer'
    ? undefined
    : `applies only to the scheme bearer: ${scheme} has its own header`
