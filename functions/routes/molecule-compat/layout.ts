// MOLECULE_COMPAT: where a workspace is on Molecule's canvas, and whether its children are shown.
import { z } from 'zod'
import type { Services } from '../../../lib/control-plane/services.ts'
import { listRecords } from '../../../lib/molecule/records.ts'
import { invalidField } from '../../../lib/platform/errors.ts'
import { isObject } from '../../../lib/platform/json-object.ts'

const Layout = z.object({
  x: z.number().optional(),
  y: z.number().optional(),
  collapsed: z.boolean().optional(),
})

export type Layout = z.infer<typeof Layout>

/** Takes the layout out of a body: `x`, `y` and `collapsed`, or `canvas: {x, y}`. @throws DomainError `invalid_input` */
export function splitLayout(body: Record<string, unknown>): {
  layout: Layout
  rest: Record<string, unknown>
} {
  const { canvas, collapsed, x, y, ...rest } = body
  const parsed = Layout.safeParse({
    ...(isObject(canvas) ? defined({ x: canvas['x'], y: canvas['y'] }) : {}),
    ...defined({ x, y, collapsed }),
  })
  if (parsed.data === undefined) {
    throw invalidField(
      String(parsed.error.issues[0]?.path[0] ?? 'canvas'),
      'x and y are numbers, collapsed is a boolean',
    )
  }
  return { layout: parsed.data, rest }
}

const defined = (members: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== null))

export async function layoutsOf(services: Services, ids: readonly string[]): Promise<Map<string, Layout>> {
  if (ids.length === 0) return new Map()
  const records = await listRecords(services, 'layout', ids)
  return new Map(records.map(({ value, workspaceId }) => [workspaceId ?? '', value as Layout]))
}
