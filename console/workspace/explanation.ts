// What GET /workspaces/:id/explain answers, as far as the console shows it. The description of the API leaves the members open.
import type { Client, components } from '../../client/client.ts'

type Reason = components['schemas']['Reason']

export type Fate = 'kept' | 'lost' | 'snapshot'

export type Survival = {
  event: string
  disk: Fate | null
  root_filesystem: Fate
  memory: Fate
  note: string | null
}

export type Explanation = {
  status: string
  since: string
  summary: string
  reason: Reason | null
  wanted: {
    machine: string
    generation: number
    regions: string[]
    deadline_at: string | null
    machine_kept_until: string | null
  }
  machine: {
    id: string | null
    seen: string
    state: string | null
    region: string | null
    image: string | null
    host: string | null
    drift: { field: string; wanted: string; actual: string }[]
    problem: { message: string } | null
  }
  agent: {
    registered_at: string | null
    last_heartbeat_at: string | null
    active_tasks: number
    error_rate: number
    last_probe: { at: string; answered: boolean; detail: string } | null
  }
  next: { step: string; sentence: string; at: string | null }
  recoveries: { used: number; most: number }
  sleep: { because: string[]; hibernates_at: string | null }
  survives: Survival[]
  last_failure: (Reason & { at: string }) | null
  last_lines: { at: string; reason: string; lines: { time: string; message: string }[] } | null
}

export async function readExplanation(client: Client, id: string): Promise<Explanation> {
  const { data } = await client.api.GET('/workspaces/{id}/explain', { params: { path: { id } } })
  return data as unknown as Explanation
}
