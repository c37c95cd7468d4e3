// Ends the guests when the server ends in any way, also by SIGKILL.

import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'

/**
 * A guest may exit by itself when its channel to the server closes, but a suspended or spinning one does not notice, and
 * a command has no channel. So a small shell reads from a pipe: each line is the list of running
 * guests. When the pipe closes, the shell kills the guests of the last line and removes their files.
 */
export function startCleanupProcess(home: string) {
  const script =
    'while read -r line; do pids=$line; done; [ -n "$pids" ] && kill -s KILL -- $pids 2>/dev/null; rm -rf -- "$1"'
  const shell = spawn('/bin/sh', ['-c', script, 'cleanup', home], {
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  const gone = new Promise<void>((resolve) => {
    shell.once('exit', () => resolve())
    shell.once('error', () => resolve())
  })
  // Without the shell the host still works. Only the clean-up after a SIGKILL of the server is lost.
  shell.stdin.on('error', () => {})
  shell.unref()
  ;(shell.stdin as Socket).unref()
  return {
    watch(pids: Iterable<number>) {
      shell.stdin.write(`${[...pids].map((pid) => -pid).join(' ')}\n`)
    },
    end() {
      shell.stdin.end()
      shell.ref()
      return gone
    },
  }
}
