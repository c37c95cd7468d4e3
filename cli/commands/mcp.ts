// mcp: the MCP server over standard input and output, for programs that start it themselves.
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import { readMessage } from '../../mcp/messages.ts'
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
  ${JSON.stringify({ command: process.execPath, args: [process.argv[1], 'mcp'], env: { MOLECULE_FLY_URL: '…', MOLECULE_FLY_TOKEN: '…' } })}`,
    )
    .action(async (_flags, command: Command) => {
      const { client } = contextOf(command)
      const server = createMcpServer(client, program.version() ?? '')
      const lines = createInterface({ input: process.stdin })
      lines.on('line', (line) => {
        const message = readMessage(parseJson(line))
        if (message !== undefined) void server.answer(message).then(print)
      })
      await once(lines, 'close')
    })
}

/** One line a message. */
function print(answer: object | undefined): void {
  if (answer !== undefined) process.stdout.write(`${JSON.stringify(answer)}\n`)
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line) as unknown
  } catch {
    return undefined
  }
}
