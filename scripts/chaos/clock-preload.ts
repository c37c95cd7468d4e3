// Preloaded into a replica (`node --import`): sets its clock to the speed of the run.
import { type Pace, speedUp } from './clock.ts'

speedUp(JSON.parse(process.env['CHAOS_PACE'] ?? '{"speed":1,"epoch":0}') as Pace)
