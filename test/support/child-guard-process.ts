// Ends the child processes of a test process that it did not end itself, for example because it was killed, with all that they have
// started, and removes its directories. It learns them from its parent, and acts when the channel to the parent closes.
import { rmSync } from 'node:fs'
import type { GuardMessage } from './child-guard.ts'
import { descendantsOf } from './processes.ts'

const pids = new Set<number>()
const directories = new Set<string>()

process.on('message', (message: GuardMessage) => {
  if ('directory' in message) directories.add(message.directory)
  else if (message.isGuarded) pids.add(message.pid)
  else pids.delete(message.pid)
})
process.once('disconnect', () => {
  for (const pid of [...pids, ...descendantsOf([...pids])]) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
  for (const directory of directories) rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
})
// Ctrl-C reaches the whole process group; the guard must outlive its parent.
process.on('SIGINT', () => {})
