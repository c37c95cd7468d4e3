// Every reason code of a workspace: what it is about, its sentence and the next step. The API shows a reason on each
// workspace that is not ready; rollouts read `about` to decide whether an image is to blame. docs/reasons.md lists
// them.
import type { RolloutReasonCode, StoredReason, WorkspaceReasonCode } from '../../drizzle/schema/index.ts'

export type ReasonCode = WorkspaceReasonCode

/**
 * What a reason blames. `image`: the image or its configuration. `agent`: the program in the machine. `platform`: the
 * provider. `outside`: a change made there by others. `operator`: settings of this control plane.
 */
export type About = 'image' | 'agent' | 'platform' | 'outside' | 'operator'

/**
 * Templates: `<app>`, `<machine>`, `<image>` and others are filled in by {@link reasonFor}. What is in brackets is left out
 * where one of its placeholders is not known.
 */
export type ReasonText = { message: string; hint: string }

type Entry = ReasonText & { about: About }

const READ_LOG = 'Read its log: GET /workspaces/{id}/logs[, or <log>]'
const RESTART = 'Restart the workspace to try again.'

export const REASONS: Record<ReasonCode, Entry> = {
  provider_unreachable: {
    about: 'platform',
    message: 'The provider of machines did not answer.',
    hint: 'The request is repeated automatically.',
  },
  rate_limited: {
    about: 'platform',
    message: 'The provider limits how many requests it accepts.',
    hint: 'The request is repeated automatically.',
  },
  unauthorized: {
    about: 'operator',
    message: 'The provider refused the credentials of this control plane.',
    hint: 'Renew them, and restart the workspace.',
  },
  forbidden: {
    about: 'operator',
    message: 'The provider does not allow this request.',
    hint: "The provider's own answer says why.",
  },
  app_not_found: {
    about: 'operator',
    message: 'The app <app> does not exist.',
    hint: 'Create it, and restart the workspace.',
  },
  no_capacity: {
    about: 'platform',
    message: 'The provider has no capacity for this machine in its region.',
    hint: 'The request is repeated until the deadline. Another region or a lower tier may be available sooner.',
  },
  quota: {
    about: 'platform',
    message: 'The quota at the provider is used up.',
    hint: 'Remove workspaces, use another region, or have the quota raised; then restart the workspace.',
  },
  image_unpullable: {
    about: 'image',
    message: 'The image <image> cannot be pulled.',
    hint: 'Check that <image> exists, and that the provider may pull it.',
  },
  invalid_machine: {
    about: 'image',
    message: 'The provider refused the machine.',
    hint: 'Check image, region and tier.',
  },
  name_taken: {
    about: 'outside',
    message: 'Another machine has the name of this workspace and belongs to something else.',
    hint: 'Find it, remove it, and restart the workspace.',
  },
  machine_not_found: {
    about: 'platform',
    message: 'The provider does not find machine <machine>.',
    hint: 'It is checked again automatically.',
  },
  machine_gone: {
    about: 'outside',
    message: 'Machine <machine> no longer exists.',
    hint: 'It was destroyed outside this control plane, or its host was lost.',
  },
  secrets_unreadable: {
    about: 'operator',
    message: 'The secrets of this workspace cannot be decrypted.',
    hint: 'Restore SECRETS_ENCRYPTION_KEY, or add the key that sealed them to SECRETS_PREVIOUS_KEYS. If that key is lost: npm run secrets:rotate -- --delete-unreadable',
  },
  secrets_refused: {
    about: 'operator',
    message: 'The provider did not let this control plane set or list secrets.',
    hint: 'Renew its credentials, or set SECRETS_DELIVERY=env after reading in SECURITY.md what that exposes.',
  },
  secrets_pending: {
    about: 'platform',
    message: 'The host of the machine does not have the secrets yet.',
    hint: 'They were written once and are waited for automatically.',
  },
  busy: {
    about: 'platform',
    message: 'The provider refused because the machine is locked or changing state.',
    hint: 'The request is repeated automatically.',
  },
  disk_host_full: {
    about: 'platform',
    message: 'The host of the disk has no room for the machine.',
    hint: 'It is tried again; then the disk is copied to another host of its region, and the old one is kept.',
  },
  disk_in_use: {
    about: 'outside',
    message: 'The disk is attached to another machine, or is being detached.',
    hint: 'It is tried again automatically.',
  },
  disk_not_found: {
    about: 'outside',
    message: 'The provider does not find the disk of this workspace.',
    hint: 'It is looked for again before anything is concluded.',
  },
  disk_lost: {
    about: 'outside',
    message:
      'The disk of this workspace no longer exists at the provider (<detail>). No empty disk takes its place.',
    hint: 'Restore it from a snapshot with POST /workspaces/{id}/restore, or remove the workspace.',
  },
  out_of_memory: {
    about: 'agent',
    message: 'The agent ran out of memory and was killed.',
    hint: 'Use a higher tier.',
  },
  crashed: {
    about: 'agent',
    message: "The agent's process ended by itself (exit <exit>).",
    hint: READ_LOG,
  },
  machine_failed: {
    about: 'image',
    message: 'The machine failed to start.',
    hint: '[Look at it with `<look>`. ]Restart the workspace to try again.',
  },
  stopped_outside: {
    about: 'outside',
    message: 'Machine <machine> was <detail>, and not by this control plane.',
    hint: 'The workspace sleeps until a message, a hook, a schedule or a resume wakes it; with on_outside_stop "restart" its machine is started again. To keep a machine stopped, pause its workspace.',
  },
  stopped_unexplained: {
    about: 'platform',
    message: 'Machine <machine> is <state>, and the provider does not show why.',
    hint: 'It is started again automatically.[ Look at it with `<look>`.]',
  },
  stopped_after_minutes: {
    about: 'outside',
    message:
      'Machine <machine> was stopped by request after <detail> minutes, and not by this control plane.',
    hint: '[<limit> ]The workspace sleeps; a message starts its machine again.',
  },
  changed_outside: {
    about: 'outside',
    message: 'Machine <machine> was changed, and not by this control plane (<detail>).',
    hint: 'It gets the requested configuration again, because DRIFT_POLICY is undo; after five times within an hour the change is only reported.',
  },
  cordoned: {
    about: 'outside',
    message: "Machine <machine> is cordoned: the provider's proxy sends it no requests.",
    hint: 'Restart the workspace[, or undo it with `<uncordon>`].',
  },
  never_launched: {
    about: 'platform',
    message: 'No machine was created in time.',
    hint: RESTART,
  },
  host_unreachable: {
    about: 'platform',
    message: 'The host of machine <machine> does not answer.',
    hint: 'It is checked again automatically. If this lasts, restart the workspace in another region.',
  },
  machine_stuck: {
    about: 'platform',
    message: 'Machine <machine> has been <state> for minutes.',
    hint: 'It is waited for until the deadline.[ Look at it with `<look>`.] If it stays so, destroy it at the provider and restart the workspace.',
  },
  still_running: {
    about: 'platform',
    message: 'Machine <machine> was requested to end, and still runs.',
    hint: 'The request is repeated automatically.[ Look at it with `<look>`.]',
  },
  never_started: {
    about: 'image',
    message: 'Machine <machine> was still <state> at the deadline.',
    hint: 'Restart the workspace to try again. An image that takes this long to pull needs a higher PROVISION_TIMEOUT_SECONDS.',
  },
  never_updated: {
    about: 'platform',
    message: 'Machine <machine> did not receive its new configuration in time.',
    hint: RESTART,
  },
  never_registered: {
    about: 'agent',
    message:
      'The machine runs, but its agent neither registered nor answered on its port in time (<detail>).',
    hint: READ_LOG,
  },
  never_listened: {
    about: 'agent',
    message: 'The agent registered, but did not answer on its port in time (<detail>).',
    hint: 'Check that it binds 0.0.0.0 and the port of its config.yaml (a2a.port). Read its log: GET /workspaces/{id}/logs[, or <log>]',
  },
  agent_silent: {
    about: 'agent',
    message: 'The machine runs, but its agent sends no heartbeat and does not answer (<detail>).',
    hint: 'The machine is rebooted if this lasts. Read its log: GET /workspaces/{id}/logs[, or <log>]',
  },
  external_silent: {
    about: 'agent',
    message: 'The agent, which runs elsewhere, has sent no heartbeat since <detail>.',
    hint: 'Start it, or check that it reaches this server. Its next heartbeat makes the workspace ready. Messages wait for it until then.',
  },
  not_reachable_by_http: {
    about: 'agent',
    message: 'The agent cannot be reached over HTTP: its card offers only gRPC.',
    hint: 'Let it also serve JSON-RPC or HTTP+JSON, and name that in its card. The workspace is ready as soon as the card does.',
  },
  wedged: {
    about: 'agent',
    message: 'The agent reports that it is wedged.',
    hint: 'Restart the workspace.',
  },
  high_error_rate: {
    about: 'agent',
    message: 'The agent reports that <detail> of its calls fail.',
    hint: 'See last_sample_error for one of them.',
  },
}

export const REASON_CODES = Object.keys(REASONS) as [ReasonCode, ...ReasonCode[]]

/** Codes of a rollout itself. Their sentences depend on its counts (lib/rollouts/decide-rollout.ts). */
const ROLLOUT_REASONS: Record<RolloutReasonCode, true> = {
  trial_over: true,
  not_ready: true,
  deaths: true,
  halted: true,
  rolled_back: true,
  not_ready_in_time: true,
}

export const ROLLOUT_REASON_CODES = Object.keys(ROLLOUT_REASONS) as [
  RolloutReasonCode,
  ...RolloutReasonCode[],
]

/** Codes for which a rollout does not blame the image of a workspace that failed. */
export const NOT_ABOUT_THE_IMAGE = REASON_CODES.filter(
  (code) => REASONS[code].about !== 'image' && REASONS[code].about !== 'agent',
)

export type ReasonDetails = Partial<
  Record<
    'app' | 'machine' | 'image' | 'state' | 'exit' | 'detail' | 'log' | 'look' | 'uncordon' | 'limit',
    string | null
  >
>

/**
 * The reason of a code, with its placeholders filled in. A detail that is unknown leaves its placeholder.
 * @param text the provider's own words, in place of those of the code
 */
export function reasonFor(
  code: ReasonCode,
  details: ReasonDetails = {},
  text: ReasonText = REASONS[code],
): StoredReason {
  return { code, message: fill(text.message, details), hint: fill(text.hint, details) }
}

function fill(template: string, details: ReasonDetails): string {
  const valueOf = (name: string) =>
    (Object.hasOwn(details, name) ? details[name as keyof ReasonDetails] : undefined) || undefined
  return template
    .replaceAll(/\[([^[\]]*)\]/g, (_, part: string) =>
      [...part.matchAll(PLACEHOLDER)].every(([, name = '']) => valueOf(name) !== undefined) ? part : '',
    )
    .replaceAll(PLACEHOLDER, (placeholder, name: string) => valueOf(name) ?? placeholder)
}

const PLACEHOLDER = /<(\w+)>/g
