// The schedules of a workspace: messages at the times of a cron expression.
import { currentClient, may } from '../session/session.ts'
import { Confirm } from '../ui/confirm.tsx'
import { Problem } from '../ui/problem.tsx'
import { ResourceTable } from '../ui/resource-table.tsx'
import { Field, RowForm } from '../ui/row-form.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { Time } from '../ui/time.tsx'
import { useAction } from '../ui/use-action.ts'
import { useResource } from '../ui/use-resource.ts'

export function Schedules({ id }: { id: string }) {
  const schedules = useResource(async () => {
    const { data } = await currentClient().api.GET('/workspaces/{id}/schedules', { params: { path: { id } } })
    return data ?? []
  }, [id])
  const enable = useAction(async (schedule: string, enabled: boolean) => {
    await currentClient().api.PATCH('/workspaces/{id}/schedules/{schedule}', {
      params: { path: { id, schedule } },
      body: { enabled },
    })
    schedules.reload()
  })

  return (
    <>
      <div class="tab-bar">
        <p class="muted">Each sends its message at its times, and wakes the workspace for it.</p>
        <ShowCommands request={{ method: 'GET', path: `/workspaces/${id}/schedules` }} />
      </div>
      {may('operate') && <ScheduleForm id={id} onCreated={schedules.reload} />}
      {enable.problem !== undefined && <Problem problem={enable.problem} />}
      <ResourceTable
        resource={schedules}
        empty="There are no schedules."
        columns={['Name', 'Times', 'Message', 'Next', 'Last', '']}
        renderRow={(schedule) => (
          <tr key={schedule.name}>
            <td>
              <strong>{schedule.name}</strong> {!schedule.enabled && <span class="tag">disabled</span>}
            </td>
            <td>
              <code>{schedule.cron}</code> {schedule.time_zone}
            </td>
            <td class="cell-wide">{schedule.message}</td>
            <td>
              <Time at={schedule.next_run_at} />
            </td>
            <td>
              <Time at={schedule.last_run_at} />
              {schedule.last_failure !== null && <p class="note-bad">{schedule.last_failure.message}</p>}
            </td>
            <td class="actions">
              {may('operate') && (
                <>
                  <button
                    type="button"
                    class="button button-small"
                    aria-label={`${schedule.enabled ? 'Disable' : 'Enable'} ${schedule.name}`}
                    disabled={enable.isBusy}
                    onClick={() => enable.run(schedule.name, !schedule.enabled)}
                  >
                    {schedule.enabled ? 'Disable' : 'Enable'}
                  </button>
                  <Confirm
                    label="Delete"
                    name={`Delete ${schedule.name}`}
                    question={`Delete the schedule ${schedule.name}?`}
                    perform={async () => {
                      await currentClient().api.DELETE('/workspaces/{id}/schedules/{schedule}', {
                        params: { path: { id, schedule: schedule.name } },
                      })
                      schedules.reload()
                    }}
                  >
                    <p>It sends no more messages.</p>
                  </Confirm>
                </>
              )}
            </td>
          </tr>
        )}
      />
    </>
  )
}

function ScheduleForm({ id, onCreated }: { id: string; onCreated: () => void }) {
  return (
    <RowForm
      label="Create"
      submit={async (text) => {
        await currentClient().api.POST('/workspaces/{id}/schedules', {
          params: { path: { id } },
          body: {
            name: text('name'),
            cron: text('cron'),
            time_zone: text('time_zone'),
            message: text('message'),
          },
        })
        onCreated()
      }}
    >
      <Field label="Name">
        <input name="name" required placeholder="morning" autocomplete="off" spellcheck={false} />
      </Field>
      <Field label="Cron expression">
        <input name="cron" required placeholder="0 9 * * 1-5" autocomplete="off" spellcheck={false} />
      </Field>
      <Field label="Time zone">
        <input
          name="time_zone"
          required
          defaultValue={Intl.DateTimeFormat().resolvedOptions().timeZone}
          autocomplete="off"
          spellcheck={false}
        />
      </Field>
      <Field label="Message" isWide>
        <input name="message" required placeholder="Summarise the news." autocomplete="off" />
      </Field>
    </RowForm>
  )
}
