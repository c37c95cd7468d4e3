// The title of every operation in the API description, and its description where the route itself has none.
// A test fails for an operation without both.

import { DISK_OPERATIONS } from './disk-operations.ts'
import type { OperationText } from './operation-text.ts'
import { TOKEN_OPERATIONS } from './token-operations.ts'

export const OPERATIONS: Readonly<Record<string, OperationText>> = {
  ...DISK_OPERATIONS,
  ...TOKEN_OPERATIONS,
  // Workspaces.
  listWorkspaces: {
    summary: 'List workspaces',
    description: 'Workspaces that are not removed, oldest first, in pages.',
  },
  createWorkspace: { summary: 'Create a workspace' },
  getWorkspace: {
    summary: 'Read a workspace',
    description: 'A workspace can still be read after its removal.',
  },
  updateWorkspace: {
    summary: 'Change a workspace',
    description:
      'Members that are left out keep their values. `labels` and `env` change by name, as in a JSON Merge Patch (RFC 7396); other members are replaced. A change of the machine takes effect at the next restart.',
  },
  removeWorkspace: {
    summary: 'Remove a workspace',
    description:
      'Destroys the machine and then its disk. The workspace stays readable with the status `removed`.',
  },
  restartWorkspace: {
    summary: 'Restart a workspace',
    description:
      'Boots the machine with the newest settings, from any status, when work that is under way has ended. It also revives a failed workspace.',
  },
  pauseWorkspace: {
    summary: 'Pause a workspace',
    description: 'Stops the machine. No message starts it again; only resume does.',
  },
  resumeWorkspace: {
    summary: 'Resume a workspace',
    description: 'Starts the machine of a paused or hibernated workspace.',
  },
  createHold: { summary: 'Hold a workspace awake' },
  listHolds: { summary: 'List holds', description: 'What keeps the workspace awake, and until when.' },
  deleteHold: { summary: 'Delete a hold', description: 'Ends a hold before its time.' },
  createSchedule: {
    summary: 'Create a schedule',
    description:
      'Sends a message to the workspace at the times of a cron expression. The message wakes the workspace, and is delivered once.',
  },
  listSchedules: { summary: 'List schedules', description: 'With their next and last run.' },
  getSchedule: { summary: 'Read a schedule', description: 'With its next and last run.' },
  updateSchedule: {
    summary: 'Change a schedule',
    description: 'Members that are left out keep their values.',
  },
  deleteSchedule: { summary: 'Delete a schedule', description: 'Ends its runs.' },
  hibernateWorkspace: {
    summary: 'Hibernate a workspace',
    description: 'Puts the machine to sleep. The next message wakes it, or `wake_at`.',
  },
  explainWorkspace: {
    summary: 'Explain the state of a workspace',
    description: 'Compares what is wanted with what is known, and names the next step.',
  },

  readLogs: { summary: 'Read the log of a workspace' },
  listFiles: { summary: 'List a directory in the machine of a workspace' },
  readFile: { summary: 'Read a file in the machine of a workspace' },
  writeFile: { summary: 'Write a file in the machine of a workspace' },
  deleteFile: { summary: 'Remove a file in the machine of a workspace' },
  archiveFiles: { summary: 'Take or unpack an archive of a directory in the machine of a workspace' },
  execCommand: { summary: 'Run a command in the machine of a workspace' },

  // A2A and messages.
  sendToAgent: { summary: 'Send an A2A request' },
  sendToAgentOverRest: { summary: 'Send an A2A request over HTTP+JSON' },
  getAgentCard: { summary: "Read the agent's card" },
  listMessages: {
    summary: 'List stored messages',
    description:
      'Messages that were accepted now and are delivered once, newest first. Answers are left out.',
  },
  getMessage: {
    summary: 'Read a stored message',
    description: 'The state of a stored message and its answer.',
  },
  getMessageResponse: {
    summary: "Read the agent's answer to a stored message",
    description: 'The answer as the agent sent it, with its status and media type.',
  },

  answerMessage: {
    summary: 'Answer a message as an agent that runs elsewhere',
    description: 'The agent of a workspace without a machine answers a message that it fetched.',
  },

  // Secrets.
  listWorkspaceSecrets: {
    summary: "List a workspace's secrets",
    description: 'Names only. Secrets of all workspaces are included, unless the workspace has its own.',
  },
  saveWorkspaceSecret: {
    summary: "Save a workspace's secret",
    description: 'Stores the value encrypted, and restarts the machine with it.',
  },
  postWorkspaceSecret: {
    summary: "Save a workspace's secret with POST",
    description: 'The same as PUT, for clients that send POST.',
  },
  deleteWorkspaceSecret: {
    summary: "Delete a workspace's secret",
    description: 'Deletes the value, and restarts the machine without it.',
  },
  readSecretValues: {
    summary: 'Read secrets as the agent',
    description: 'The values of the secrets, for the agent of the workspace alone.',
  },
  listGlobalSecrets: { summary: 'List the secrets of all workspaces', description: 'Names only.' },
  saveGlobalSecret: {
    summary: 'Save a secret of all workspaces',
    description: 'Stores the value encrypted, and restarts the machines that use it, a few at a time.',
  },
  postGlobalSecret: {
    summary: 'Save a secret of all workspaces with POST',
    description: 'The same as PUT, for clients that send POST.',
  },
  deleteGlobalSecret: {
    summary: 'Delete a secret of all workspaces',
    description: 'Deletes the value, and restarts the machines that used it.',
  },

  // Hooks.
  createHook: { summary: 'Create a hook' },
  listHooks: { summary: 'List hooks', description: 'All hooks of the workspace. Secrets are never shown.' },
  getHook: { summary: 'Read a hook', description: 'One hook. Its secret is never shown.' },
  updateHook: { summary: 'Change a hook', description: 'Members that are left out keep their values.' },
  deleteHook: {
    summary: 'Delete a hook',
    description: 'Later deliveries to its address are answered with 404.',
  },
  rotateHookSecret: { summary: "Rotate a hook's secret" },
  checkWebhookAddress: { summary: "Answer Slack's check of a hook's address" },
  receiveWebhook: { summary: 'Deliver to a hook' },

  // Events and webhook endpoints.
  listEvents: { summary: 'Read or follow events' },
  listWorkspaceEvents: { summary: 'Read or follow the events of a workspace' },
  createWebhookEndpoint: { summary: 'Create a webhook endpoint' },
  listWebhookEndpoints: {
    summary: 'List webhook endpoints',
    description: 'Every endpoint with the state of its deliveries. Secrets are never shown.',
  },
  getWebhookEndpoint: {
    summary: 'Read a webhook endpoint',
    description: 'One endpoint with the state of its deliveries.',
  },
  updateWebhookEndpoint: { summary: 'Change a webhook endpoint' },
  deleteWebhookEndpoint: { summary: 'Delete a webhook endpoint', description: 'Its pending deliveries end.' },
  testWebhookEndpoint: { summary: 'Test a webhook endpoint' },
  rotateWebhookSecret: {
    summary: "Rotate a webhook endpoint's secret",
    description: 'Deliveries carry the signatures of both secrets until the overlap ends.',
  },
  listWebhookDeliveries: { summary: 'List deliveries' },
  replayWebhookDelivery: {
    summary: 'Repeat a delivery',
    description: 'Sends a delivery that was given up once more.',
  },
  replayWebhookDeliveries: {
    summary: 'Repeat all deliveries that were given up',
    description: 'Sends the deliveries that were given up once more, oldest first.',
  },

  // Activity, delegations, registry.
  listActivity: {
    summary: 'List activity',
    description: 'What the agent did and which messages it received.',
  },
  reportActivity: {
    summary: 'Report activity',
    description: 'Stores an entry that an agent or an operator reports.',
  },
  notify: {
    summary: 'Send a message to people',
    description: 'Stores a message of the agent to its users as activity.',
  },
  delegate: {
    summary: 'Delegate a task',
    description: 'Stores a task as a message to another workspace, and answers before it is done.',
  },
  listDelegations: {
    summary: 'List delegations',
    description: 'Tasks that the workspace delegated, newest first.',
  },
  recordDelegation: {
    summary: 'Record a delegation',
    description: 'Stores a delegation that the agent sends itself.',
  },
  updateDelegation: {
    summary: 'Report the result of a delegation',
    description: 'Ends a delegation that was recorded.',
  },
  registerAgent: {
    summary: 'Register an agent',
    description: 'Sent by the agent when it starts. The workspace becomes `ready` once the agent answers.',
  },
  recordHeartbeat: {
    summary: 'Send a heartbeat',
    description: 'Sent by the agent every 30 seconds. Values that cannot be stored are cut or replaced.',
  },
  updateAgentCard: {
    summary: "Replace the agent's card",
    description: 'Sent by the agent when its card changes.',
  },
  discoverWorkspace: {
    summary: 'Find a workspace by its id',
    description: 'The address of a workspace for its peers.',
  },
  listPeers: {
    summary: 'List the peers of a workspace',
    description: 'The workspaces that may communicate with this one.',
  },
  checkAccess: {
    summary: 'Check whether two workspaces may communicate',
    description: 'Siblings, ancestors and descendants in the tree of workspaces may.',
  },

  // Rollouts and operations.
  startRollout: {
    summary: 'Start a rollout',
    description: 'Updates the workspaces of a runtime to an image, in tranches.',
  },
  listRollouts: {
    summary: 'List rollouts',
    description: 'Rollouts, newest first, and the image of each runtime.',
  },
  getRollout: { summary: 'Read a rollout', description: 'A rollout with the progress of its workspaces.' },
  haltRollout: {
    summary: 'Halt a rollout',
    description: 'No further workspace is updated until it is resumed.',
  },
  resumeRollout: { summary: 'Resume a rollout', description: 'Continues a rollout that was halted.' },
  rollbackRollout: {
    summary: 'Roll back a rollout',
    description: 'Returns the updated workspaces to the previous image.',
  },
  receiveGithubWebhook: {
    summary: 'Receive a package event of GitHub',
    description: 'A published image starts a rollout where the policy of its runtime is `auto`.',
  },
  receiveGiteaWebhook: {
    summary: 'Receive a package event of Gitea or Forgejo',
    description: 'A published image starts a rollout where the policy of its runtime is `auto`.',
  },
  getFleet: {
    summary: 'Compare the provider with the database',
    description:
      'Every machine of every app in use: whose it is, how it differs from what is wanted, and its price.',
  },
  listRegions: {
    summary: 'List regions',
    description: 'Regions with what is known of their capacity from recent launches.',
  },
  getPrices: {
    summary: 'Read prices',
    description: 'What a machine of each tier and a disk cost, before a workspace is created.',
  },
  listAudit: { summary: 'Read the audit log', description: 'Who asked for which change, newest first.' },
  getHealth: { summary: 'Describe the server', description: 'Version, backend, region and database.' },
  getLiveness: { summary: 'Check the process', description: 'Answers while the process runs.' },
  getReadiness: {
    summary: 'Check what the server depends on',
    description: 'Database, migrations, the provider and the sweep. A failed check is answered with 503.',
  },
  getMetrics: { summary: 'Read metrics', description: 'Metrics in the text format of Prometheus.' },
  getTestToken: {
    summary: "Create a workspace's token for tests",
    description: "For the acceptance scripts of Molecule's clients. Only with MOLECULE_COMPAT=true.",
  },
  listMoleculeEvents: {
    summary: "List a workspace's events in Molecule's format",
    description: 'Only with MOLECULE_COMPAT=true.',
  },
}
