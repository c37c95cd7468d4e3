// What the provider has that is not as wanted: orphans, machines that differ, and disks without a workspace, with what will happen
// to them.
import { fleet, type Fleet, hasPrices } from '../fleet/cost.ts'
import { Empty } from '../ui/empty.tsx'
import { duration, usd } from '../ui/format.ts'
import { ShowCommands } from '../ui/show-commands.tsx'
import { Table } from '../ui/table.tsx'
import { WorkspaceName } from '../ui/workspace-name.tsx'

type MachineKind = Fleet['machines'][number]['kind']
type DiskKind = Fleet['disks'][number]['kind']

/** What happens to machines of a kind by itself (lib/fleet). */
const MACHINE_FATES: Record<MachineKind, string> = {
  owned: 'It is as wanted.',
  drifted: 'It differs from what was requested. A restart of the workspace undoes that.',
  orphan: 'It has no workspace. The sweep destroys it.',
  foreign: 'It was not made by this server, which leaves it alone.',
  missing: 'The provider does not show it. The workspace gets another one.',
}

const DISK_FATES: Record<DiskKind, string> = {
  owned: 'It belongs to a workspace.',
  retained: 'It was kept without a workspace, until it is deleted.',
  attached_elsewhere: 'It is attached to another machine than wanted.',
  orphan: 'It has no workspace. The inventory deletes it.',
  foreign: 'It was not made by this server, which leaves it alone.',
  missing: 'The provider does not show it.',
}

export function Machines() {
  const current = fleet.value
  if (current === undefined)
    return (
      <p class="muted" role="status">
        Asking the provider…
      </p>
    )
  const machines = current.machines.filter(({ kind }) => kind !== 'owned')
  const disks = current.disks.filter(({ kind }) => kind !== 'owned')
  return (
    <>
      <div class="tab-bar">
        <p class="muted">
          {current.machines.length} machines and {current.disks.length} disks in all. Listed are those that
          differ, and those without a workspace.
        </p>
        <ShowCommands request={{ method: 'GET', path: '/fleet' }} cli={['fleet']} />
      </div>
      {machines.length + disks.length === 0 && (
        <Empty title="All machines and disks are as wanted.">No orphans, no drift.</Empty>
      )}
      {current.unknown_apps.length > 0 && (
        <p class="note-warn">The provider did not answer for: {current.unknown_apps.join(', ')}</p>
      )}
      {machines.length > 0 && (
        <Table
          columns={[
            'Machine',
            'Kind',
            'Workspace',
            'State',
            'Region',
            'Age',
            ...(hasPrices.value ? ['Cost/mo'] : []),
            'What happens to it',
          ]}
        >
          {machines.map((machine) => (
            <tr key={machine.machine_id}>
              <td>
                <code>{machine.machine_id}</code>
              </td>
              <td>{machine.kind}</td>
              <td>
                <WorkspaceName id={machine.workspace_id} />
              </td>
              <td>{machine.machine_state}</td>
              <td>{machine.region}</td>
              <td>{machine.age_seconds === undefined ? '–' : duration(machine.age_seconds * 1000)}</td>
              {machine.usd_per_month !== null && <td class="number">{usd(machine.usd_per_month)}</td>}
              <td class="cell-wide">{MACHINE_FATES[machine.kind]}</td>
            </tr>
          ))}
        </Table>
      )}
      {disks.length > 0 && (
        <Table
          columns={[
            'Disk',
            'Kind',
            'Workspace',
            'Size',
            'Region',
            ...(hasPrices.value ? ['Cost/mo'] : []),
            'What happens to it',
          ]}
        >
          {disks.map((disk) => (
            <tr key={disk.volume_id}>
              <td>
                <code>{disk.disk_id ?? disk.volume_id}</code>
              </td>
              <td>{disk.kind}</td>
              <td>
                <WorkspaceName id={disk.workspace_id} />
              </td>
              <td class="number">{disk.size_gb} GB</td>
              <td>{disk.region}</td>
              {disk.usd_per_month !== null && <td class="number">{usd(disk.usd_per_month)}</td>}
              <td class="cell-wide">{DISK_FATES[disk.kind]}</td>
            </tr>
          ))}
        </Table>
      )}
    </>
  )
}
