// What Fly's refusals mean, in sentences that name Fly and its commands: the words of lib/platform/reasons.ts say less, because
// they are those of every provider.
import type { ReasonText } from '../../platform/reasons.ts'
import type { ProvisionProblemCode } from '../provisioner.ts'

export const FLY_REASONS: Partial<Record<ProvisionProblemCode, ReasonText>> = {
  provider_unreachable: {
    message: 'Fly did not answer.',
    hint: 'The request is repeated automatically. Check https://status.flyio.net.',
  },
  rate_limited: {
    message: 'Fly limits how many requests it accepts.',
    hint: 'The request is repeated automatically.',
  },
  unauthorized: {
    message: 'Fly refused FLY_API_TOKEN.',
    hint: 'Create a token with `fly tokens create deploy -a <app>`, set FLY_API_TOKEN and restart the workspace.',
  },
  forbidden: {
    message: 'Fly does not allow this request with FLY_API_TOKEN.',
    hint: "Fly's own answer says why. If the token is the cause, create another one with `fly tokens create deploy -a <app>`; then restart the workspace.",
  },
  app_not_found: {
    message: 'The app <app> (FLY_WORKSPACE_APP) does not exist.',
    hint: 'Create it with `fly apps create <app>`, allocate addresses with `fly ips allocate-v6 -a <app>` and `fly ips allocate-v4 --shared -a <app>`, and restart the workspace.',
  },
  no_capacity: {
    message: 'Fly has no capacity for this machine in its region.',
    hint: 'The request is repeated until the deadline. Another region or a lower tier may be available sooner.',
  },
  quota: {
    message: "The Fly organization's quota is used up.",
    hint: 'Remove workspaces, use another region, or ask Fly to raise the quota; then restart the workspace.',
  },
  image_unpullable: {
    message: 'Fly cannot pull the image <image>.',
    hint: 'Check that <image> exists and is public, or mirror it to registry.fly.io: Fly cannot log in to other registries.',
  },
  invalid_machine: {
    message: 'Fly refused the machine.',
    hint: 'Check image, region and tier. Fly support can look up the request id.',
  },
  name_taken: {
    message: 'Another machine in the app <app> has the name of this workspace and belongs to something else.',
    hint: 'Find it with `fly machine list -a <app>`, destroy it, and restart the workspace.',
  },
  machine_not_found: {
    message: 'Fly does not find machine <machine>.',
    hint: 'It is checked again automatically.',
  },
  secrets_refused: {
    message: 'Fly did not let FLY_API_TOKEN set or list secrets of the app <app>.',
    hint: 'Create a token with `fly tokens create deploy -a <app>`, or set SECRETS_DELIVERY=env after reading in SECURITY.md what that exposes.',
  },
  busy: {
    message: 'Fly refused because the machine is locked or changing state.',
    hint: 'The request is repeated automatically. A forgotten lease is cleared with `fly machine leases clear <machine> -a <app>`.',
  },
  disk_in_use: {
    message: 'The disk is attached to another machine, or is being detached.',
    hint: 'It is tried again automatically. If this lasts, find the machine with `fly volumes list -a <app>`.',
  },
  disk_not_found: {
    message: 'Fly does not find the disk of this workspace.',
    hint: 'It is looked for again before anything is concluded.',
  },
}
