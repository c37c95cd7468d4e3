// Where the last launches found capacity.
import { currentClient } from '../session/session.ts'
import { Problem } from '../ui/problem.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { Time } from '../ui/time.tsx'
import { useResource } from '../ui/use-resource.ts'
import { Table } from '../ui/table.tsx'

const TEXTS = {
  untried: 'nothing was launched there yet',
  open: 'the last launch found capacity',
  full: 'skipped for a while',
  trial: 'the next launch may try it again',
} as const

export function Regions() {
  const regions = useResource(async () => {
    const { data } = await currentClient().api.GET('/regions')
    return data ?? []
  }, [])
  if (regions.problem !== undefined) return <Problem problem={regions.problem} onRetry={regions.reload} />
  return (
    <>
      <div class="tab-bar">
        <p class="muted">As the launches of this server found them.</p>
        <ShowCommands request={{ method: 'GET', path: '/regions' }} />
      </div>
      <Table columns={['Region', 'State', 'Last success', 'Last failure']}>
        {regions.value?.map((region) => (
          <tr key={region.region}>
            <th scope="row">{region.region}</th>
            <td>
              {region.state}, <span class="muted">{TEXTS[region.state]}</span>
            </td>
            <td>
              <Time at={region.last_success_at} />
            </td>
            <td>
              <Time at={region.last_failure_at} />
            </td>
          </tr>
        ))}
      </Table>
    </>
  )
}
