// A client of the Docker Engine API: one method for each call that the provisioner makes. Sources:
// https://docs.docker.com/reference/api/engine. It needs a connection, and nothing of Node.
import { z } from 'zod'
import { sleep } from '../platform/sleep.ts'
import type { DockerConnection } from './connection.ts'
import { isStatus } from './errors.ts'
import { createRequester, type DockerCall } from './request.ts'
import * as shapes from './shapes.ts'
import { type Frame, readFrames, readJsonLines } from './streams.ts'

export type { Container, ContainerInput, ContainerSummary, DockerEvent, Image, Volume } from './shapes.ts'

export type DockerClient = ReturnType<typeof createDockerClient>

/** Seconds between SIGTERM and SIGKILL. */
export const STOP_SECONDS = 30

/** What an answer may take beyond what the daemon itself waits for, in milliseconds. */
const GRACE_MS = 15_000

/** Creating a container copies the image with some storage drivers, and starting it sets up its network. */
const SLOW_MS = 60_000

/** How often a removal is repeated, and the pause before, in milliseconds. */
const MOST_REMOVALS = 20
const REMOVAL_PAUSE_MS = 250

/** Filters of a list, as the API takes them. */
type Filters = Record<string, string[]>

const filtersOf = (filters: Filters) => ({ filters: JSON.stringify(filters) })

/**
 * Every method throws DockerError.
 * @param onCall called after each call; must not throw
 */
export function createDockerClient(connection: DockerConnection, onCall?: (call: DockerCall) => void) {
  const { call, stream, upgrade } = createRequester(connection, onCall)

  return {
    /** Whether the daemon answers, and speaks a version of the API that this client knows. */
    version: () =>
      call({
        action: 'version',
        method: 'GET',
        path: ['version'],
        read: z.looseObject({ Version: z.string() }),
      }),

    inspectNetwork: (name: string) =>
      call({
        action: 'inspect_network',
        method: 'GET',
        path: ['networks', name],
        read: z.looseObject({ Id: z.string() }),
      }),

    /** All containers with these labels, in any state. */
    listContainers: (label: string[]) =>
      call({
        action: 'list_containers',
        method: 'GET',
        path: ['containers', 'json'],
        query: { all: '1', ...filtersOf({ label }) },
        read: shapes.containerSummaries,
      }),

    inspectContainer: (name: string) =>
      call({
        action: 'inspect_container',
        method: 'GET',
        path: ['containers', name, 'json'],
        read: shapes.container,
      }),

    createContainer: (name: string, input: shapes.ContainerInput) =>
      call({
        action: 'create_container',
        method: 'POST',
        path: ['containers', 'create'],
        query: { name },
        body: input,
        read: shapes.created,
        timeoutMs: SLOW_MS,
      }),

    renameContainer: (id: string, name: string) =>
      call({
        action: 'rename_container',
        method: 'POST',
        path: ['containers', id, 'rename'],
        query: { name },
      }),

    /** Unpacks a tar archive at the root of a container's file system. */
    putArchive: (id: string, tar: Uint8Array) =>
      call({
        action: 'put_archive',
        method: 'PUT',
        path: ['containers', id, 'archive'],
        query: { path: '/' },
        body: tar,
        timeoutMs: SLOW_MS,
      }),

    /** Whether a path exists in a container. */
    async hasPath(id: string, path: string): Promise<boolean> {
      try {
        await call({
          action: 'head_archive',
          method: 'HEAD',
          path: ['containers', id, 'archive'],
          query: { path },
        })
        return true
      } catch (error) {
        if (isStatus(error, 404)) return false
        throw error
      }
    },

    /** A container that runs already is a success. */
    startContainer: (id: string) =>
      call({
        action: 'start_container',
        method: 'POST',
        path: ['containers', id, 'start'],
        timeoutMs: SLOW_MS,
      }),

    /** Ends when the container has stopped. A container that does not run is a success. */
    stopContainer: (id: string) =>
      call({
        action: 'stop_container',
        method: 'POST',
        path: ['containers', id, 'stop'],
        query: { t: String(STOP_SECONDS) },
        timeoutMs: STOP_SECONDS * 1000 + GRACE_MS,
      }),

    unpauseContainer: (id: string) =>
      call({ action: 'unpause_container', method: 'POST', path: ['containers', id, 'unpause'] }),

    /** Kills and removes a container with its unnamed volumes, and ends when it is gone. */
    async removeContainer(id: string): Promise<void> {
      for (let tries = 1; ; tries++) {
        try {
          const query = { force: '1', v: '1' }
          await call({
            action: 'remove_container',
            method: 'DELETE',
            path: ['containers', id],
            query,
            timeoutMs: SLOW_MS,
          })
          return
        } catch (error) {
          if (isStatus(error, 404)) return
          // 409: its removal is under way. 500: something was still written into its directory; the rest goes the next time.
          if (!isStatus(error, 409, 500) || tries === MOST_REMOVALS) throw error
          await sleep(REMOVAL_PAUSE_MS)
        }
      }
    },

    /** The output of a container, each line after its time. `since`: seconds, with nanoseconds after the point. */
    async logs(
      id: string,
      options: { tail?: number; since?: string; timeoutMs: number; signal?: AbortSignal | undefined },
    ): Promise<AsyncGenerator<Frame>> {
      const timeout = AbortSignal.timeout(options.timeoutMs)
      const body = await stream({
        action: 'get_logs',
        method: 'GET',
        path: ['containers', id, 'logs'],
        query: {
          stdout: '1',
          stderr: '1',
          timestamps: '1',
          ...(options.tail === undefined ? {} : { tail: String(options.tail) }),
          ...(options.since === undefined ? {} : { since: options.since }),
        },
        signal: options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]),
      })
      return readFrames(body)
    },

    createExec: (id: string, command: readonly string[]) =>
      call({
        action: 'create_exec',
        method: 'POST',
        path: ['containers', id, 'exec'],
        body: { Cmd: command, AttachStdin: true, AttachStdout: true, AttachStderr: true },
        read: shapes.created,
      }),

    /** Runs a command that was created, and ends with its output. */
    async startExec(id: string, input: Uint8Array, signal: AbortSignal): Promise<AsyncGenerator<Frame>> {
      const body = { Detach: false, Tty: false }
      return readFrames(
        await upgrade(
          { action: 'start_exec', method: 'POST', path: ['exec', id, 'start'], body, signal },
          input,
        ),
      )
    },

    inspectExec: (id: string) =>
      call({ action: 'inspect_exec', method: 'GET', path: ['exec', id, 'json'], read: shapes.execState }),

    /** `reference` is a name with a tag or a digest, or an id. */
    inspectImage: (reference: string) =>
      call({
        action: 'inspect_image',
        method: 'GET',
        path: ['images', reference, 'json'],
        read: shapes.image,
      }),

    /**
     * Pulls an image, and ends when it is there. An error of the pull is a line.
     * @param credentials for its registry, as the API's X-Registry-Auth takes them
     */
    async pullImage(
      reference: { name: string; tag: string },
      credentials: string | undefined,
      signal: AbortSignal,
    ): Promise<AsyncGenerator<shapes.PullLine>> {
      const body = await stream({
        action: 'pull_image',
        method: 'POST',
        path: ['images', 'create'],
        query: { fromImage: reference.name, tag: reference.tag },
        headers: credentials === undefined ? {} : { 'x-registry-auth': credentials },
        signal,
      })
      return parsed(readJsonLines(body), shapes.pullLine)
    },

    createVolume: (name: string, labels: Record<string, string>) =>
      call({
        action: 'create_volume',
        method: 'POST',
        path: ['volumes', 'create'],
        body: { Name: name, Labels: labels },
        read: shapes.volume,
      }),

    inspectVolume: (name: string) =>
      call({ action: 'inspect_volume', method: 'GET', path: ['volumes', name], read: shapes.volume }),

    listVolumes: (label: string[]) =>
      call({
        action: 'list_volumes',
        method: 'GET',
        path: ['volumes'],
        query: filtersOf({ label }),
        read: shapes.volumes,
      }),

    removeVolume: (name: string) =>
      call({ action: 'remove_volume', method: 'DELETE', path: ['volumes', name] }),

    /** Events of the past: those that the daemon remembers, oldest first, until a time in seconds. */
    async pastEvents(filters: Filters, until: string): Promise<AsyncGenerator<shapes.DockerEvent>> {
      const body = await stream({
        action: 'list_events',
        method: 'GET',
        path: ['events'],
        query: { since: '0', until, ...filtersOf(filters) },
        signal: AbortSignal.timeout(GRACE_MS),
      })
      return parsed(readJsonLines(body), shapes.event)
    },

    /** Events from now on, until the signal aborts or the daemon ends. */
    async followEvents(filters: Filters, signal: AbortSignal): Promise<AsyncGenerator<shapes.DockerEvent>> {
      const body = await stream({
        action: 'follow_events',
        method: 'GET',
        path: ['events'],
        query: filtersOf(filters),
        signal,
      })
      return parsed(readJsonLines(body), shapes.event)
    },
  }
}

async function* parsed<T>(values: AsyncGenerator, schema: z.ZodType<T>): AsyncGenerator<T> {
  for await (const value of values) yield schema.parse(value)
}
