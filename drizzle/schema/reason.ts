// Why something is as it is, in the form in which every table stores it.

/** Why a workspace is not ready: a stable code, a sentence, what to do next. Kept after the machine is gone. */
export type StoredReason = { code: string; message: string; hint: string; fly_request_id?: string }
