// The shapes of the Engine API that this client reads and writes, checked as far as they are used. Names are the API's
// (https://docs.docker.com/reference/api/engine).
import { z } from 'zod'

const text = z.string().catch('')
const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((found) => found ?? {})

/** The state that the daemon shows in words: `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`. */
export const containerSummary = z.looseObject({
  Id: z.string(),
  Names: z
    .array(z.string())
    .nullish()
    .transform((names) => names ?? []),
  State: text,
  Labels: labels,
  Created: z.number().catch(0),
})
export const containerSummaries = z.array(containerSummary)
export type ContainerSummary = z.infer<typeof containerSummary>

export const container = z.looseObject({
  Id: z.string(),
  Name: text,
  Created: text,
  State: z.looseObject({
    Status: text,
    OOMKilled: z.boolean().catch(false),
    ExitCode: z.number().catch(0),
    Error: text,
    StartedAt: text,
    FinishedAt: text,
  }),
  Config: z.looseObject({ Image: text, Labels: labels }),
  HostConfig: z.looseObject({
    NanoCpus: z.number().catch(0),
    CpuQuota: z.number().catch(0),
    CpuPeriod: z.number().catch(0),
    Memory: z.number().catch(0),
    NetworkMode: text,
  }),
  Mounts: z
    .array(z.looseObject({ Type: text, Name: text }))
    .nullish()
    .transform((mounts) => mounts ?? []),
  NetworkSettings: z.looseObject({
    Networks: z.record(z.string(), z.looseObject({ IPAddress: text })).nullish(),
  }),
})
export type Container = z.infer<typeof container>

const command = z
  .array(z.string())
  .nullish()
  .transform((parts) => parts ?? [])
export const image = z.looseObject({
  Id: z.string(),
  RepoDigests: command,
  Config: z.looseObject({ Entrypoint: command, Cmd: command }).nullish(),
})
export type Image = z.infer<typeof image>

export const volume = z.looseObject({ Name: z.string(), Labels: labels, CreatedAt: text })
export type Volume = z.infer<typeof volume>
export const volumes = z
  .looseObject({ Volumes: z.array(volume).nullish() })
  .transform(({ Volumes }) => Volumes ?? [])

export const created = z.looseObject({ Id: z.string() })
export const execState = z.looseObject({ Running: z.boolean(), ExitCode: z.number().nullable() })

/** A line of a pull: progress, or the error that ended it. */
export const pullLine = z.looseObject({
  id: z.string().optional(),
  status: z.string().optional(),
  error: z.string().optional(),
  progressDetail: z
    .looseObject({ current: z.number().optional(), total: z.number().optional() })
    .nullish()
    .catch(undefined),
})
export type PullLine = z.infer<typeof pullLine>

export const event = z.looseObject({
  Type: text,
  Action: text,
  timeNano: z.number().catch(0),
  Actor: z.looseObject({ ID: text, Attributes: labels }),
})
export type DockerEvent = z.infer<typeof event>

/** What a container is created with. */
export type ContainerInput = {
  Image: string
  Entrypoint?: string[]
  Cmd?: string[]
  Env: string[]
  Labels: Record<string, string>
  ExposedPorts?: Record<string, object>
  StopSignal: string
  StopTimeout: number
  HostConfig: {
    Init: boolean
    CpuQuota: number
    CpuPeriod: number
    Memory: number
    MemorySwap: number
    NetworkMode: string
    PortBindings?: Record<string, { HostIp: string; HostPort: string }[]>
    ExtraHosts?: string[]
    RestartPolicy: { Name: string; MaximumRetryCount: number }
    LogConfig: { Type: string }
    Mounts: { Type: 'volume'; Source: string; Target: string }[]
  }
}
