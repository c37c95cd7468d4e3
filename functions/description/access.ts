// What the API description says about credentials. It is derived from the access policy, so the two cannot differ.
import { A2A_POLICY, ROUTE_POLICIES, type RoutePolicy } from '../access-policy.ts'

/** The four kinds of credentials, as OpenAPI security schemes. */
export const SECURITY_SCHEMES = {
  apiToken: {
    type: 'http',
    scheme: 'bearer',
    description:
      'The value of ADMIN_TOKEN, or an API token of `POST /tokens`. A token has one scope: `read`, `operate` (includes `read`), `exec` (includes `operate`) or `admin` (includes all).',
  },
  workspaceToken: {
    type: 'http',
    scheme: 'bearer',
    description: 'The token of one workspace. Its machine has it in MOLECULE_WORKSPACE_TOKEN.',
  },
  webhookSignature: {
    type: 'apiKey',
    in: 'header',
    name: 'webhook-signature',
    description:
      "The sender's signature over the body. Its header depends on the scheme: `webhook-signature`, `X-Hub-Signature-256`, `X-Gitea-Signature`, `X-Slack-Signature`, `Stripe-Signature`, or a bearer secret.",
  },
} as const

export type SecurityScheme = keyof typeof SECURITY_SCHEMES

/** The policy of an operation, by its method and its path in OpenAPI's notation. */
export const policyOf = (method: string, path: string): RoutePolicy | undefined =>
  ROUTE_POLICIES[`${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`] ??
  (path.startsWith('/workspaces/{id}/a2a/') ? A2A_POLICY : undefined)

/** The schemes of which one is enough; empty for a public route. */
export function securityOf(policy: RoutePolicy): Partial<Record<SecurityScheme, string[]>>[] {
  if (policy === 'public') return []
  if (policy === 'signed') return [{ webhookSignature: [] }]
  if (policy === 'agent') return [{ workspaceToken: [] }]
  return [
    ...(policy.scope === 'none' ? [] : [{ apiToken: [] }]),
    ...(policy.agent === 'none' ? [] : [{ workspaceToken: [] }]),
  ]
}

/** One sentence on who may use the operation. */
export function accessText(policy: RoutePolicy): string {
  if (policy === 'public') return 'Needs no credential.'
  if (policy === 'signed') return "The sender's signature over the body is the credential."
  if (policy === 'agent') return 'Needs the token of the workspace that the body names.'
  const scope = policy.scope === 'none' ? undefined : `the scope \`${policy.scope}\``
  const agent = {
    none: undefined,
    self: "the workspace's own token",
    peer: 'the token of a workspace that may communicate with this one',
    record: 'a workspace token',
  }[policy.agent]
  return `Needs ${[scope, agent].filter((part) => part !== undefined).join(', or ')}.`
}
