// /workspaces/:id/schedules: messages that are sent to a workspace at the times of a cron expression, and wake it.
import { createRoute, z } from '@hono/zod-openapi'
import { callerKey } from '../../lib/auth/caller.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { CreateScheduleInput, ScheduleName, UpdateScheduleInput } from '../../lib/schedules/schedule-input.ts'
import {
  createSchedule,
  deleteSchedule,
  getSchedule,
  listSchedules,
  MAX_SCHEDULES,
  type Schedule,
  updateSchedule,
} from '../../lib/schedules/schedules.ts'
import { described } from '../../lib/platform/described.ts'
import { createRouter, IdParam, json, jsonBody, nullableTimestamp, problem } from '../http/openapi.ts'

const ScheduleView = described(() =>
  z
    .object({
      name: z.string(),
      workspace_id: z.uuid(),
      cron: z.string(),
      time_zone: z.string(),
      message: z.string(),
      enabled: z.boolean(),
      next_run_at: nullableTimestamp,
      last_run_at: nullableTimestamp,
      last_message_id: z.uuid().nullable(),
      last_failure: z.object({ reason: z.string(), message: z.string() }).nullable(),
      created_by: z.string(),
      created_at: z.iso.datetime(),
      updated_at: z.iso.datetime(),
    })
    .openapi('Schedule'),
)

const ScheduleParam = IdParam.extend({
  schedule: ScheduleName.openapi({ param: { name: 'schedule', in: 'path' } }),
})

const path = '/workspaces/{id}/schedules'
const notFound = described(() => problem('No such workspace or schedule.'))

const createScheduleRoute = createRoute({
  method: 'post',
  path,
  operationId: 'createSchedule',
  request: { params: IdParam, body: jsonBody(CreateScheduleInput) },
  responses: described(() => ({
    201: json(ScheduleView, 'Created. `next_run_at` is its first time.'),
    400: problem('A field is invalid.'),
    404: problem('No such workspace.'),
    409: problem(`The name is in use, or there are ${MAX_SCHEDULES} schedules.`),
  })),
})

const listSchedulesRoute = createRoute({
  method: 'get',
  path,
  operationId: 'listSchedules',
  request: { params: IdParam },
  responses: described(() => ({
    200: json(z.array(ScheduleView), 'All schedules of the workspace, by name.'),
    404: problem('No such workspace.'),
  })),
})

const getScheduleRoute = createRoute({
  method: 'get',
  path: `${path}/{schedule}`,
  operationId: 'getSchedule',
  request: { params: ScheduleParam },
  responses: described(() => ({ 200: json(ScheduleView, 'The schedule.'), 404: notFound })),
})

const updateScheduleRoute = createRoute({
  method: 'patch',
  path: `${path}/{schedule}`,
  operationId: 'updateSchedule',
  request: { params: ScheduleParam, body: jsonBody(UpdateScheduleInput) },
  responses: described(() => ({
    200: json(ScheduleView, 'Changed. Times that have passed are not repeated.'),
    400: problem('A field is invalid.'),
    404: notFound,
  })),
})

const deleteScheduleRoute = createRoute({
  method: 'delete',
  path: `${path}/{schedule}`,
  operationId: 'deleteSchedule',
  request: { params: ScheduleParam },
  responses: described(() => ({
    200: json(
      z.object({ status: z.literal('deleted'), name: z.string() }),
      'Deleted. Messages that it has sent are still delivered.',
    ),
    404: notFound,
  })),
})

export function scheduleRoutes(services: Services) {
  const app = createRouter()
  app.openapi(createScheduleRoute, async (c) => {
    const by = callerKey(c.get('caller'))
    return c.json(
      toView(await createSchedule(services, c.req.valid('param').id, c.req.valid('json'), by)),
      201,
    )
  })
  app.openapi(listSchedulesRoute, async (c) =>
    c.json((await listSchedules(services, c.req.valid('param').id)).map(toView), 200),
  )
  app.openapi(getScheduleRoute, async (c) => {
    const { id, schedule } = c.req.valid('param')
    return c.json(toView(await getSchedule(services, id, schedule)), 200)
  })
  app.openapi(updateScheduleRoute, async (c) => {
    const { id, schedule } = c.req.valid('param')
    return c.json(toView(await updateSchedule(services, id, schedule, c.req.valid('json'))), 200)
  })
  app.openapi(deleteScheduleRoute, async (c) => {
    const { id, schedule } = c.req.valid('param')
    await deleteSchedule(services, id, schedule)
    return c.json({ status: 'deleted' as const, name: schedule }, 200)
  })
  return app
}

const toView = (row: Schedule): z.infer<typeof ScheduleView> => ({
  name: row.name,
  workspace_id: row.workspaceId,
  cron: row.cron,
  time_zone: row.timeZone,
  message: row.message,
  enabled: row.enabled,
  next_run_at: row.nextRunAt?.toISOString() ?? null,
  last_run_at: row.lastRunAt?.toISOString() ?? null,
  last_message_id: row.lastMessageId,
  last_failure: row.lastFailure,
  created_by: row.createdBy,
  created_at: row.createdAt.toISOString(),
  updated_at: row.updatedAt.toISOString(),
})
