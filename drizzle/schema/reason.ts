// The form in which tables store reasons.

/** Why something is in its state: a stable code, a sentence, and the next step. Kept after the machine is gone. */
export type StoredReason = { code: string; message: string; hint: string; fly_request_id?: string }
