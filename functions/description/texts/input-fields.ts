// The texts of members of request bodies that say more than those of the same members in answers (fields.ts has the others).

const ON_HOST_LOSS =
  'When the host of the disk does not come back: wait for it, or restore the newest snapshot.'
const ENDPOINT_WORKSPACE =
  'Only events of this workspace, by its id or its slug. Null: events of all workspaces, and events without a workspace.'
const ORDERED = 'Whether later events of a workspace wait for an earlier one that could not be delivered.'
const AFTER =
  'Events with a higher sequence number are delivered: 0 for all that the log has. Without it, events from now on.'

export const INPUT_FIELDS: Readonly<Record<string, string>> = {
  'createWorkspace.template':
    "Another name of the runtime, as Molecule's clients send it: `hermes`, `claude-code-default`.",
  'createWorkspace.from':
    'What its disk starts as a copy of: the disk of a workspace, a snapshot, or a disk that is kept.',
  disk_gb: 'The size of its disk; 0: none. A disk can grow, and never shrinks.',
  disk_path: 'Where the agent finds the disk. Cannot be changed later.',
  'createWorkspace.on_host_loss': ON_HOST_LOSS,
  'updateWorkspace.env':
    'Environment variables that change, by name: null removes one, and the others stay. Null: removes all. Up to 200 remain.',
  'updateWorkspace.labels':
    'Labels that change, by key: null removes one, and the others stay. Null: removes all. Up to 32 remain.',
  'updateWorkspace.config':
    'Members of the configuration that change, as a JSON Merge Patch, also within objects: null removes one, and the others stay. Null: removes all.',
  'updateWorkspace.on_host_loss': ON_HOST_LOSS,
  'restoreWorkspace.snapshot': 'The id of a snapshot of one of its disks.',
  'Exec.command': 'The program and its arguments. No shell is involved: for one, use `["sh", "-c", "…"]`.',
  'Exec.stdin': 'The input, in the encoding of `encoding`.',
  'Exec.encoding':
    'That of `stdin`, `stdout` and `stderr`. In `utf8`, other bytes of the output become U+FFFD.',
  'Exec.cwd': "The directory. Without it, the provider's own choice.",
  'Exec.env': 'Variables beside those of the machine.',
  'Exec.timeout_seconds': 'After this time the command is killed.',
  'Exec.max_output_bytes': 'How much of each output is returned. The rest is read and dropped.',
  'createWebhookEndpoint.workspace_id': ENDPOINT_WORKSPACE,
  'updateWebhookEndpoint.workspace_id': ENDPOINT_WORKSPACE,
  'createWebhookEndpoint.ordered': ORDERED,
  'updateWebhookEndpoint.ordered': ORDERED,
  'createWebhookEndpoint.after': AFTER,
  'updateWebhookEndpoint.after': AFTER,
  'rotateWebhookSecret.overlap_hours':
    'How long deliveries are also signed with the old secret. 0: it ends at once.',
}
