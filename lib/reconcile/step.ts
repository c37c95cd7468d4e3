// The steps that a reconcile can take. decide.ts chooses one; act.ts carries it out; explain describes it.
import type { StoredReason } from '../../drizzle/schema/index.ts'
import type { Machine, StopRequest } from '../provisioner/provisioner.ts'

export type Step =
  /** Create the machine. */
  | { do: 'launch' }
  /** The machine was created or updated, but the answer was lost: store what is known of it. */
  | { do: 'adopt'; machine: Machine }
  /** Give the machine the newest generation's spec and boot it. */
  | { do: 'update' }
  /** Create the disk; its intent is stored first. */
  | { do: 'create_disk' }
  /** A create of the disk was sent: find out what became of it. */
  | { do: 'find_disk' }
  /** The disk starts from a snapshot that is still to be taken. */
  | { do: 'take_snapshot' }
  /** The disk is in a region that is no longer wanted: give the workspace a copy of it elsewhere. */
  | { do: 'move_disk' }
  /** The disk is lost: give the workspace one from the newest snapshot. */
  | { do: 'restore_disk'; reason: StoredReason }
  /** Delete the disk with its data. */
  | { do: 'delete_disk' }
  /** The disk was never created: record that it is gone. */
  | { do: 'forget_disk' }
  | { do: 'start' }
  | { do: 'stop' }
  | { do: 'suspend' }
  /** The time has come at which a hibernated workspace wakes by itself. */
  | { do: 'wake' }
  | { do: 'destroy' }
  /**
   * Request the agent card; an answer makes the workspace ready. `deferred`: its time is over, but it is at work, so that it is
   * asked again, after `ms` milliseconds each.
   */
  | { do: 'probe'; deferred?: { ms: number; note: string } }
  /** The agent sends no heartbeat: request its card before anything is concluded. */
  | { do: 'check_agent' }
  /** The agent of an external workspace sent a heartbeat: the workspace is ready. */
  | { do: 'welcome_agent' }
  /** The agent of an external workspace has sent no heartbeat since `seenAt`: the workspace is offline. */
  | { do: 'miss_agent'; seenAt: Date; reason: StoredReason }
  /** The provider does not show the machine: store since when, and look again in `ms` milliseconds. */
  | { do: 'suspect_absent'; ms: number }
  /** The machine is certainly gone: clear its columns. */
  | { do: 'forget_machine' }
  /** A machine that should run is certainly gone: begin a new generation. */
  | { do: 'replace'; reason: StoredReason }
  /** The agent does not come back in its machine: boot the machine with a new generation. */
  | { do: 'reboot'; reason: StoredReason }
  /** Others changed the machine, and the policy is to undo that: boot it with a new generation. */
  | { do: 'undo_drift'; reason: StoredReason }
  /** The machine does not run or cannot be reached. `isLasting`: until that changes, however long it takes. */
  | { do: 'go_offline'; reason: StoredReason; isLasting?: boolean }
  /** The machine was stopped or suspended by request, and not by this control plane: the workspace sleeps. */
  | { do: 'accept_stop'; reason: StoredReason; stop: StopRequest }
  /** The workspace has failed. Its machine is kept, stopped, for a while. */
  | { do: 'give_up'; reason: StoredReason }
  /** The machine is changing state: wait for it, `ms` milliseconds at most. */
  | { do: 'wait_for_machine'; ms: number }
  /** Nothing can be done now: look again in `ms` milliseconds. */
  | { do: 'wait'; ms: number; reason?: StoredReason; note?: string }
  /** Everything is as wanted. */
  | { do: 'rest' }
