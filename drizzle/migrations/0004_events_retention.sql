ALTER TABLE "control_plane" ADD COLUMN "events_forgotten_seq" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "control_plane" ADD COLUMN "audit_forgotten_seq" bigint DEFAULT 0 NOT NULL;