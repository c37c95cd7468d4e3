// The options of create and edit: what a workspace is to be.
import { type Command, Option } from 'commander'
import type { Client } from '../client/client.ts'
import { defined, orNull } from './defined.ts'
import { findWorkspaceId } from './find-workspace.ts'
import { wholeNumber } from './number-option.ts'
import { repeated } from './repeated.ts'

/** False comes from `--no-…`, which edit has. */
export type SpecFlags = {
  slug?: string | false
  runtime?: string
  tier?: string
  region?: string[]
  model?: string | false
  role?: string | false
  image?: string | false
  parent?: string | false
  label?: string[]
  idle?: number | false
  disk?: number
  onHostLoss?: 'wait' | 'restore'
  onOutsideStop?: 'sleep' | 'restart'
}

export const addSpecOptions = (command: Command): Command =>
  command
    .option('--slug <slug>', 'unique name that can be used in place of the id')
    .option(
      '-r, --runtime <runtime>',
      'kind of agent, such as hermes or langgraph; external: it runs elsewhere',
    )
    .addOption(new Option('-t, --tier <tier>', 'size of the machine').choices(['2', '3', '4']))
    .option(
      '--region <region>',
      'region of the machine; on Fly such as ord; repeat it for further choices',
      repeated,
    )
    .option('--model <model>', 'language model')
    .option('--role <role>', 'what the agent is for')
    .option('--image <image>', "an image instead of the runtime's")
    .option('--parent <workspace>', 'parent in the tree of workspaces')
    .option('-l, --label <key=value>', 'a label; repeat it for several', repeated)
    .option('--idle <minutes>', 'hibernate after this many idle minutes', wholeNumber(1))
    .option('--disk <GB>', 'size of the disk, which can grow and never shrinks; 0: none', wholeNumber(0))
    .addOption(
      new Option('--on-host-loss <what>', 'when the host of the disk does not come back').choices([
        'wait',
        'restore',
      ]),
    )
    .addOption(
      new Option('--on-outside-stop <what>', 'when others stop the machine').choices(['sleep', 'restart']),
    )

/** The members of a request to create or change a workspace; labels are left to the command. */
export async function specOf(client: Client, flags: SpecFlags) {
  const { disk, idle, image, model, onHostLoss, onOutsideStop, parent, region, role, runtime, slug, tier } =
    flags
  return defined({
    slug: orNull(slug),
    runtime,
    tier: tier === undefined ? undefined : Number(tier),
    regions: region,
    model: orNull(model),
    role: orNull(role),
    image: orNull(image),
    parent_id: orNull(typeof parent === 'string' ? await findWorkspaceId(client, parent) : parent),
    idle_minutes: orNull(idle),
    disk_gb: disk,
    on_host_loss: onHostLoss,
    on_outside_stop: onOutsideStop,
  })
}
