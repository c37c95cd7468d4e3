// Loaded into a replica before its own first line (`node --import`): sets its clock to the pace of the run.
import { type Pace, quicken } from './clock.ts'

quicken(JSON.parse(process.env['CHAOS_PACE'] ?? '{"speed":1,"epoch":0}') as Pace)
