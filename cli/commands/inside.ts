// logs, exec, cp: what happens in the machine of a workspace.
import { createReadStream, existsSync, type Stats } from 'node:fs'
import { stat, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import type { Command } from 'commander'
import type { Client, LogLine, LogPage } from '../../client/client.ts'
import { contextOf, UsageError } from '../context.ts'
import { defined } from '../defined.ts'
import { findWorkspaceId, WORKSPACE_ARGUMENT } from '../find-workspace.ts'
import { wholeNumber } from '../number-option.ts'
import { clean, print, printJson, report } from '../output.ts'
import { repeated } from '../repeated.ts'

type LogFlags = { follow?: boolean; tail: number; since?: string; level?: LogLine['level'][]; grep?: string }
type ExecFlags = { cwd?: string; timeout: number; stdin?: boolean }

export function addInsideCommands(program: Command): void {
  program
    .command('logs')
    .description('show what the machine of a workspace prints')
    .argument(...WORKSPACE_ARGUMENT)
    .option('-f, --follow', 'stay, and print lines as they come')
    .option('-n, --tail <count>', 'the newest lines', wholeNumber(0), 100)
    .option('--since <time>', 'a time, or an age such as 15m')
    .option(
      '--level <level>',
      'only lines of this level: debug, info, warn or error; repeat it for several',
      repeated,
    )
    .option('--grep <text>', 'only lines that contain this text')
    .action(async (reference: string, flags: LogFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const id = await findWorkspaceId(client, reference)
      const query = {
        tail: flags.tail,
        ...defined({ since: flags.since, level: flags.level, q: flags.grep }),
      }
      const show = (line: { time: string; level: string; message: string }) =>
        print(json ? JSON.stringify(line) : `${line.time}  ${line.level.padEnd(5)}  ${clean(line.message)}`)
      if (flags.follow === true) {
        for await (const line of client.followLogs(id, query)) show(line)
        return
      }
      const { data } = await client.api.GET('/workspaces/{id}/logs', { params: { path: { id }, query } })
      const { kept, lines } = data as LogPage
      for (const line of lines) show(line)
      if (kept !== null) report(`These lines were kept when the machine ended: ${kept.reason}`)
    })

  program
    .command('exec')
    .description('run a command in the machine of a workspace')
    .argument(...WORKSPACE_ARGUMENT)
    .argument('<command...>', 'the program and its arguments, after --')
    .option('--cwd <directory>', 'where it runs')
    .option('--timeout <seconds>', 'when it is killed', wholeNumber(1), 60)
    .option('-i, --stdin', 'pass standard input to it')
    .addHelpText(
      'after',
      `
Examples:
  molecule-fly exec coder -- git -C /workspace/repo status
  cat patch.diff | molecule-fly exec coder -i -- git apply`,
    )
    .action(async (reference: string, words: string[], flags: ExecFlags, command: Command) => {
      const { client, json } = contextOf(command)
      const id = await findWorkspaceId(client, reference)
      const { data } = await client.api.POST('/workspaces/{id}/exec', {
        params: { path: { id } },
        body: {
          command: words,
          encoding: 'base64',
          timeout_seconds: flags.timeout,
          ...defined({
            cwd: flags.cwd,
            stdin:
              flags.stdin === true
                ? Buffer.concat(await process.stdin.toArray()).toString('base64')
                : undefined,
          }),
        },
      })
      if (data === undefined) return
      const [stdout, stderr] = [Buffer.from(data.stdout, 'base64'), Buffer.from(data.stderr, 'base64')]
      if (json) printJson({ ...data, stdout: stdout.toString(), stderr: stderr.toString() })
      else {
        process.stdout.write(stdout)
        process.stderr.write(stderr)
        if (data.timed_out) report(`killed after ${flags.timeout} s`)
        if (data.truncated) report('the output was longer than can be shown')
      }
      process.exitCode = data.exit_code
    })

  program
    .command('cp')
    .description('copy a file from or to the machine of a workspace')
    .argument('<from>', 'a file here, or workspace:/path')
    .argument('<to>', 'a file here, or workspace:/path')
    .addHelpText(
      'after',
      `
Examples:
  molecule-fly cp report.pdf coder:/workspace/report.pdf
  molecule-fly cp coder:/workspace/result.json .`,
    )
    .action(async (from: string, to: string, _flags, command: Command) => {
      const { client } = contextOf(command)
      const [source, target] = [remotePath(from), remotePath(to)]
      for (const text of [from, to]) rejectRelativePath(text)
      if ((source === undefined) === (target === undefined))
        throw new UsageError('cp: one of the two must be workspace:/path, and the other a file here')
      if (target !== undefined) await upload(client, from, target)
      else if (source !== undefined) await download(client, source, to)
    })
}

type RemotePath = { workspace: string; path: string }

/** `workspace:/path`; undefined for a file here. */
function remotePath(text: string): RemotePath | undefined {
  const at = text.indexOf(':/')
  return at < 1 ? undefined : { workspace: text.slice(0, at), path: text.slice(at + 1) }
}

/** @throws UsageError for `workspace:path`, which is not a file here either */
function rejectRelativePath(text: string): void {
  const [, workspace, path] = /^([\w-]{2,}):(?![\\/])(.+)$/.exec(text) ?? []
  if (path === undefined || existsSync(text)) return
  throw new UsageError(`cp: a path in a machine begins with /, such as ${workspace}:/workspace/${path}`)
}

async function upload(client: Client, file: string, { path, workspace }: RemotePath): Promise<void> {
  const { size } = await readableFile(file)
  const id = await findWorkspaceId(client, workspace)
  const target = path.endsWith('/') ? path + basename(file) : path
  await client.writeFile(id, target, Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>)
  report(`${file}: ${size} bytes`)
}

/** @throws UsageError when there is no file of that name here */
async function readableFile(file: string): Promise<Stats> {
  const found = await stat(file).catch(() => undefined)
  if (found === undefined) throw new UsageError(`cp: there is no file ${file} here`)
  if (found.isDirectory())
    throw new UsageError(
      `cp: ${file} is a directory: tar -c ${file} | molecule-fly exec WORKSPACE -i -- tar -x -C /workspace`,
    )
  return found
}

async function download(client: Client, { path, workspace }: RemotePath, file: string): Promise<void> {
  const id = await findWorkspaceId(client, workspace)
  const response = await client.readFile(id, path)
  const isDirectory = await stat(file).then(
    (found) => found.isDirectory(),
    () => false,
  )
  const target = isDirectory ? `${file}/${basename(path)}` : file
  // A new file in one piece: a download that breaks leaves the old one.
  await writeFile(target, Buffer.from(await response.arrayBuffer()))
  report(`${target}: copied`)
}
