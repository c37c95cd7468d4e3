// Reads Docker's containers into the provisioner's terms. Pure.
import type { Container, ContainerSummary } from '../../docker/client.ts'
import type { Machine, MachineExit, MachineHelp, MachinePhase } from '../provisioner.ts'
import { fromLabels, machineIdOf } from './labels.ts'
import { DOCKER_APP, LOCAL_REGION } from './place.ts'

// `restarting` and `removing` end by themselves, and so may words that are new.
const PHASES: Record<string, MachinePhase> = {
  created: 'stopped',
  running: 'started',
  paused: 'suspended',
  exited: 'stopped',
  dead: 'failed',
}

const toPhase = (state: string): MachinePhase => PHASES[state] ?? 'busy'

/** What the daemon notes where the command cannot be executed, or is not there. For other failures to start it notes 128. */
const COMMAND_CODES = [126, 127]

/**
 * A container that never ran because of its command failed: it would fail again. One that did not start for another reason,
 * such as the end of its daemon, is to be started again.
 */
export const phaseOf = ({ Error, ExitCode, Status }: Container['State']): MachinePhase =>
  Status === 'created' && Error !== '' && COMMAND_CODES.includes(ExitCode) ? 'failed' : toPhase(Status)

/** Names have a slash before them. */
export const nameOf = (name: string) => name.replace(/^\//, '')

/** The names that the daemon gives to volumes which an image declares. */
const UNNAMED = /^[0-9a-f]{64}$/

export function toMachine(container: Container): Machine {
  const { Config, HostConfig, Id, Mounts, Name, State } = container
  const labels = fromLabels(Config.Labels)
  return {
    id: machineIdOf(nameOf(Name), labels?.suffix ?? Id),
    app: DOCKER_APP,
    phase: phaseOf(State),
    state: State.Status,
    region: LOCAL_REGION,
    help: dockerHelp(nameOf(Name)),
    image: labels?.image ?? Config.Image,
    version: Id,
    isCordoned: false,
    size: { cpus: cpusOf(HostConfig), memoryMb: Math.round(HostConfig.Memory / 2 ** 20) },
    disk: Mounts.find(({ Name, Type }) => Type === 'volume' && !UNNAMED.test(Name))?.Name,
    labels: labels?.machine,
    exit: exitOf(State),
    stopRequest: undefined,
    startError:
      phaseOf(State) === 'failed' && State.Error !== ''
        ? { code: 'machine_failed', text: State.Error }
        : undefined,
  }
}

/** `docker update --cpus` sets the first, this control plane the others. */
const cpusOf = ({ CpuPeriod, CpuQuota, NanoCpus }: Container['HostConfig']): number =>
  NanoCpus > 0 ? NanoCpus / 1e9 : CpuPeriod > 0 ? CpuQuota / CpuPeriod : 0

export const dockerHelp = (name: string): MachineHelp => ({
  log: `docker logs ${name}`,
  look: `docker inspect ${name}`,
})

/** The daemon does not store whether an exit was requested; its events may say so (stop-request.ts). */
function exitOf({
  Error,
  ExitCode,
  FinishedAt,
  OOMKilled,
  StartedAt,
  Status,
}: Container['State']): MachineExit | undefined {
  if (Status !== 'exited' && Status !== 'dead') return undefined
  if (Error !== '') return undefined
  const at = new Date(FinishedAt)
  const startedAt = new Date(StartedAt)
  return {
    exitCode: ExitCode,
    oomKilled: OOMKilled,
    requested: false,
    at: Number.isNaN(at.getTime()) ? new Date(0) : at,
    ranSeconds: Number.isNaN(startedAt.getTime())
      ? undefined
      : Math.max(0, Math.round((at.getTime() - startedAt.getTime()) / 1000)),
  }
}

/** The entry of a list. It has no error, so a container that failed to start looks like one that was not started. */
export function toEntry({ Id, Labels, Names, State }: ContainerSummary) {
  const labels = fromLabels(Labels)
  const name = nameOf(Names[0] ?? Id)
  return {
    name,
    labels,
    machineId: machineIdOf(name, labels?.suffix ?? Id),
    phase: toPhase(State),
    state: State,
    version: Id,
  }
}
