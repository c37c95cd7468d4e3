// The texts of operations on tokens.

import type { OperationText } from './operation-text.ts'

export const TOKEN_OPERATIONS: Readonly<Record<string, OperationText>> = {
  getMe: {
    summary: 'Read who the caller is',
    description: 'What the token of this request is called and what it may do. It shows no token.',
  },
  createToken: { summary: 'Create an API token' },
  listTokens: {
    summary: 'List API tokens',
    description: 'Tokens that are not revoked. Their values are not stored.',
  },
  revokeToken: {
    summary: 'Revoke an API token',
    description: 'The token is refused at once on this replica.',
  },
  createWorkspaceToken: {
    summary: "Create a workspace's token",
    description: 'A token with the rights of the workspace itself.',
  },
  listWorkspaceTokens: {
    summary: "List a workspace's tokens",
    description: 'The values of tokens are not stored.',
  },
  revokeWorkspaceToken: {
    summary: "Revoke a workspace's token",
    description: "An agent whose own token is revoked gets another one at its machine's next restart.",
  },
}
