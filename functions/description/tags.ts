// The groups of operations in the API description, in the order in which a reader needs them. The path of an operation
// decides its group, so a new route below a known path needs nothing here.

export type Tag = { name: string; description: string; paths: readonly RegExp[] }

/** The first tag with a matching path is the operation's. */
export const TAGS: readonly Tag[] = [
  {
    name: 'Files',
    description: 'Read and write files in the machine of a workspace.',
    paths: [/^\/workspaces\/\{id\}\/files/],
  },
  {
    name: 'Logs and commands',
    description: 'What the machine of a workspace prints, and commands that run in it.',
    paths: [/^\/workspaces\/\{id\}\/(logs|exec)/],
  },
  {
    name: 'Disks',
    description: 'The persistent disks of workspaces, their snapshots and copies.',
    paths: [/^\/disks/, /^\/workspaces\/\{id\}\/(snapshots|restore)/],
  },
  {
    name: 'Sleep',
    description: 'Holds that keep a workspace awake, and schedules that wake it.',
    paths: [/^\/workspaces\/\{id\}\/(holds|schedules)/],
  },
  {
    name: 'A2A',
    description: "The proxy: A2A requests reach the workspace's agent as they are.",
    paths: [/^\/workspaces\/\{id\}\/(a2a|\.well-known)/],
  },
  {
    name: 'Messages',
    description:
      'Stored messages: a request with `Prefer: respond-async` is accepted now and delivered once.',
    paths: [/^\/workspaces\/\{id\}\/messages/],
  },
  {
    name: 'Hooks',
    description: 'Inbound webhooks: what another system posts becomes a message to a workspace.',
    paths: [/^\/workspaces\/\{id\}\/hooks/, /^\/webhooks\/workspaces/],
  },
  {
    name: 'Secrets',
    description: 'Encrypted variables of one workspace, or of all. No request of a person reads a value.',
    paths: [/^\/workspaces\/\{id\}\/secrets/, /^\/settings\/secrets/],
  },
  {
    name: 'Tokens',
    description: 'API tokens of people and programs, and tokens of workspaces.',
    paths: [/^\/me$/, /^\/tokens/, /^\/workspaces\/\{id\}\/tokens/],
  },
  {
    name: 'Events',
    description: 'The log of all changes: read in order, or followed as server-sent events.',
    paths: [/^\/events$/, /^\/workspaces\/\{id\}\/events/],
  },
  {
    name: 'Webhook endpoints',
    description: 'Addresses that receive events as Standard Webhooks, with their deliveries.',
    paths: [/^\/webhook-endpoints/],
  },
  {
    name: 'Activity and delegations',
    description: 'What agents did, and the tasks that they hand to each other.',
    paths: [/^\/workspaces\/\{id\}\/(activity|notify|delegat)/],
  },
  {
    name: 'Registry',
    description: 'The requests of agents: registration, heartbeats, and the workspaces that they may reach.',
    paths: [/^\/registry/],
  },
  {
    name: 'Rollouts',
    description: 'A new image for all workspaces of a runtime, in tranches.',
    paths: [/^\/rollouts/, /^\/webhooks\/(github|gitea)/],
  },
  {
    name: 'Operations',
    description: 'The fleet at the provider, capacity, prices, audit, health and metrics.',
    paths: [/^\/(fleet|regions|prices|audit|metrics|health|healthz|livez|readyz)/],
  },
  {
    name: 'Molecule compatibility',
    description: "Answers in the format of Molecule's clients. Some exist only with MOLECULE_COMPAT=true.",
    paths: [/^\/admin/, /^\/events\/\{id\}/],
  },
  {
    name: 'Workspaces',
    description: 'Create, change and remove workspaces, and control their machines.',
    paths: [/^\/workspaces/],
  },
]

/** The order of the groups on the page: workspaces first. */
export const TAG_ORDER: readonly string[] = [
  'Workspaces',
  'A2A',
  'Messages',
  'Disks',
  'Sleep',
  'Logs and commands',
  'Files',
  'Secrets',
  'Tokens',
  'Hooks',
  'Events',
  'Webhook endpoints',
  'Activity and delegations',
  'Rollouts',
  'Operations',
  'Registry',
  'Molecule compatibility',
]

/** @throws Error for a path that belongs to no group */
export function tagOf(path: string): string {
  const tag = TAGS.find(({ paths }) => paths.some((pattern) => pattern.test(path)))
  if (tag === undefined) throw new Error(`${path} has no tag: add one to functions/description/tags.ts`)
  return tag.name
}
