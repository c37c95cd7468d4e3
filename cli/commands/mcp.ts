// mcp: the MCP server over standard input and output, for programs that start it themselves.
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import type { Command } from 'commander'
import { createMcpServer } from '../../mcp/server.ts'
import { contextOf } from '../context.ts'

export function addMcpCommand(program: Command): void {
  program
    .command('mcp')
    .description('serve the workspaces as MCP tools on standard input and output')
    .addHelpText(
      'after',
      `
Example for an MCP client's settings:
  { "command": "npx", "args": ["molecule-fly", "mcp"], "env": { "MOLECULE_FLY_URL": "…", "MOLECULE_FLY_TOKEN": "…" } }`,
    )
    .action(async (_flags, command: Command) => {
      const { client } = contextOf(command)
      const transport = new StdioServerTransport()
      const closed = new Promise<void>((resolve) => process.stdin.once('end', resolve))
      await createMcpServer(client, program.version() ?? '').connect(transport)
      await closed
    })
}
