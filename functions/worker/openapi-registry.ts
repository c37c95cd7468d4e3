// Replaces `@asteasolutions/zod-to-openapi` in the Worker's bundle (wrangler.toml, `[alias]`): it keeps what routes
// declare, and generates no description (describe-from-asset.ts).
import type { z } from 'zod'

type Definition = { type: 'route'; route: object }

export class OpenAPIRegistry {
  readonly definitions: Definition[] = []

  registerPath(route: object): void {
    this.definitions.push({ type: 'route', route })
  }
}

/** Schemas keep no metadata: only descriptions need it. */
export function extendZodWithOpenApi({ ZodType }: typeof z): void {
  // Assigned, because zod copies enumerable members to each schema.
  Object.assign(ZodType.prototype, {
    openapi(this: z.ZodType) {
      return this
    },
  })
}

/** Never called: a Worker's description is a file. */
export const OpenApiGeneratorV3 = undefined
export const OpenApiGeneratorV31 = undefined
export const getOpenApiMetadata = undefined
