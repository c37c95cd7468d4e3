// Preloaded into a replica (`node --import`): sets its clock to the speed of the run, lets it jump when the run says so, and
// ends the replica with the run.
import { controlClock, type Pace } from './clock.ts'

const setOffset = controlClock(JSON.parse(process.env['CHAOS_PACE'] ?? '{"speed":1,"epoch":0}') as Pace)
process.on('message', ({ clockOffsetMs }: { clockOffsetMs: number }) => setOffset(clockOffsetMs))
process.on('disconnect', () => process.exit(1))
process.channel?.unref()
