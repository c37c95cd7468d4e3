// The command line as one program: its options, its commands, and how it ends. It speaks HTTP only, through the client.
import complete from '@bomb.sh/tab/commander'
import { Command, CommanderError } from 'commander'
import { ApiProblem } from '../client/problem.ts'
import { addAuditCommand } from './commands/audit.ts'
import { addChatCommand } from './commands/chat.ts'
import { addDiskCommands } from './commands/disks.ts'
import { addEditCommand } from './commands/edit.ts'
import { addEventCommand } from './commands/events.ts'
import { addHoldCommands } from './commands/holds.ts'
import { addHookCommands } from './commands/hooks.ts'
import { addInsideCommands } from './commands/inside.ts'
import { addLoginCommands } from './commands/login.ts'
import { addMcpCommand } from './commands/mcp.ts'
import { addMessageCommands } from './commands/messages.ts'
import { addOpenCommand } from './commands/open.ts'
import { addOperationCommands } from './commands/operations.ts'
import { addRolloutCommands } from './commands/rollouts.ts'
import { addScheduleCommands } from './commands/schedules.ts'
import { addSecretCommands } from './commands/secrets.ts'
import { addTokenCommands } from './commands/tokens.ts'
import { addVerbCommands } from './commands/verbs.ts'
import { addWebhookCommands } from './commands/webhooks.ts'
import { addWorkspaceCommands } from './commands/workspaces.ts'
import { UsageError } from './context.ts'
import { report } from './output.ts'

export function createProgram(version: string): Command {
  const program = new Command('molecule-fly')
    .description('Run workspaces of AI agents, on Fly Machines or with Docker.')
    .version(version)
    .option(
      '--url <url>',
      'address of the server (MOLECULE_FLY_URL; default: the stored one, or http://localhost:8080)',
    )
    .option('--token <token>', 'token (MOLECULE_FLY_TOKEN; default: the stored one)')
    .option('--json', 'print JSON for programs')
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  molecule-fly login https://agents.example.com
  molecule-fly create fly-worker --runtime hermes --tier 2
  molecule-fly chat fly-worker What region are you running in?
  molecule-fly ls --json | jq -r '.[].id'

Exit codes: 0 done, 1 failed, 2 used wrongly.
Completion: 'molecule-fly complete bash' (or zsh, fish) prints a script for your shell.`,
    )
  addLoginCommands(program)
  addWorkspaceCommands(program)
  addEditCommand(program)
  addChatCommand(program)
  addOpenCommand(program)
  addVerbCommands(program)
  addInsideCommands(program)
  addDiskCommands(program)
  addMessageCommands(program)
  addScheduleCommands(program)
  addHoldCommands(program)
  addEventCommand(program)
  addSecretCommands(program)
  addTokenCommands(program)
  addHookCommands(program)
  addWebhookCommands(program)
  addAuditCommand(program)
  addOperationCommands(program)
  addRolloutCommands(program)
  addMcpCommand(program)
  complete(program)
  // Its own sentence begins with a capital letter, unlike all others.
  program.commands
    .find((command) => command.name() === 'complete')
    ?.description('print a script for completion in a shell')
  nameHelp(program)
  return program
}

/** The most common mistake of a command. */
const HINTS: Readonly<Record<string, string>> = {
  exec: "Options of the command come after --: 'molecule-fly exec coder -- ls -la'. ",
}

/** An error in how a command was called names the help of that command. */
function nameHelp(command: Command, words = ''): void {
  const path = `${words}${command.name()} `
  command.showHelpAfterError(`${HINTS[command.name()] ?? ''}See '${path}--help'.`)
  for (const inner of command.commands) nameHelp(inner, path)
}

/** Runs the program. @returns the exit code */
export async function run(program: Command, args: readonly string[]): Promise<number> {
  try {
    await program.parseAsync(args, { from: 'user' })
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    report(`molecule-fly: ${messageOf(error)}`)
    return error instanceof UsageError ? 2 : 1
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof ApiProblem)) return error instanceof Error ? error.message : String(error)
  const advice = {
    401: "log in with 'molecule-fly login', or set MOLECULE_FLY_TOKEN",
    0: "check --url, or run 'molecule-fly login'",
  }[error.status]
  const id = error.requestId === undefined ? '' : ` (request ${error.requestId})`
  return `${error.message}${advice === undefined ? '' : `; ${advice}`}${error.status >= 500 ? id : ''}`
}
