// The reads of bench:reads.
import { COMMON_PARENT, PAGE, PARENT } from './fill.ts'

/** Filters and orders of GET /workspaces. The last workspaces that were created are the rare ones. */
const LISTS: Readonly<Record<string, string>> = {
  'no filter': '',
  'status, rare': 'status=paused',
  'status, common': 'status=failed',
  'runtime, rare': 'runtime=hermes',
  'runtime, common': 'runtime=crewai',
  'tier, rare': 'tier=4',
  'tier, common': 'tier=2',
  'region, rare': 'region=ams',
  'region, common': 'region=fra',
  'parent_id, rare': `parent_id=${PARENT}`,
  'parent_id, common': `parent_id=${COMMON_PARENT}`,
  name: 'name=workspace-7',
  'name_prefix, rare': 'name_prefix=rare-',
  'name_prefix, common': 'name_prefix=common-',
  'label, rare': 'label=team%3Drare',
  'label, common': 'label=team%3Dcommon',
  'label, none has it': 'label=team%3Dnobody',
  created_after: `created_after=${encodeURIComponent('2026-01-01T00:00:00Z')}`,
  'sort by name': 'sort=name',
  'newest first': 'sort=-created_at',
  'status and label, common': 'status=failed&label=team%3Dcommon',
  'label, common, by name': 'label=team%3Dcommon&sort=name',
}

export const READS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(LISTS).map(([name, query]) => [`list, ${name}`, `/workspaces?limit=${PAGE}&${query}`]),
  ),
  workspace: `/workspaces/${PARENT}`,
  'events, oldest': `/events?limit=${PAGE}`,
  'events, newest': `/events?tail=${PAGE}`,
  'events, rare type': `/events?limit=${PAGE}&types=machine_lost`,
  'events, since': `/events?limit=${PAGE}&since=2026-01-01T00:05:00Z`,
  'events, label, common': `/events?tail=${PAGE}&label=team%3Dcommon`,
  'events, label, rare': `/events?tail=${PAGE}&label=team%3Drare`,
  'events of a workspace': `/workspaces/${COMMON_PARENT}/events?limit=${PAGE}`,
  'newest events of a workspace': `/workspaces/${COMMON_PARENT}/events?tail=${PAGE}`,
  audit: `/audit?limit=${PAGE}`,
  'audit, by route': `/audit?limit=${PAGE}&route=${encodeURIComponent('GET /workspaces')}`,
  'audit, refused': `/audit?limit=${PAGE}&outcome=refused`,
}
