// The input of schedules: when, and what message is sent then.
import { z } from 'zod'
import { pathName } from '../platform/path-name.ts'
import { boundedText } from '../platform/postgres-text.ts'
import { cronProblem, isTimeZone } from './next-run.ts'
import { whenUsed } from '../platform/when-used.ts'

export const ScheduleName = pathName('morning-report')

const CronExpression = whenUsed(() =>
  z
    .string()
    .trim()
    .max(200)
    .superRefine((cron, context) => {
      const message = cronProblem(cron)
      if (message !== undefined) context.addIssue({ code: 'custom', message })
    }),
)

const TimeZone = whenUsed(() =>
  z
    .string()
    .max(100)
    .refine(isTimeZone, 'must be a name of the IANA time zone database, such as Europe/Berlin'),
)

const MessageText = whenUsed(() => boundedText().min(1, 'must not be empty').max(20_000))

/** The body of POST …/schedules. Unknown members are refused. */
export const CreateScheduleInput = whenUsed(() =>
  z.strictObject({
    name: ScheduleName,
    cron: CronExpression,
    time_zone: TimeZone.default('UTC'),
    message: MessageText,
    enabled: z.boolean().default(true),
  }),
)

/** The body of PATCH …/schedules/:schedule: members that are absent stay as they are. */
export const UpdateScheduleInput = whenUsed(() =>
  z.strictObject({
    cron: CronExpression.optional(),
    time_zone: TimeZone.optional(),
    message: MessageText.optional(),
    enabled: z.boolean().optional(),
  }),
)
