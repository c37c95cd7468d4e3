// Ends child processes of a test process that did not end them itself, for example because it was killed. It learns their ids
// from its parent, and acts when the channel to the parent closes.
import type { GuardMessage } from './child-guard.ts'

const guarded = new Set<number>()

process.on('message', ({ pid, isGuarded }: GuardMessage) => {
  if (isGuarded) guarded.add(pid)
  else guarded.delete(pid)
})
process.once('disconnect', () => {
  for (const pid of guarded) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
  }
})
// Ctrl-C reaches the whole process group; the guard must outlive its parent.
process.on('SIGINT', () => {})
