ALTER TABLE "workspaces" ADD COLUMN "on_outside_stop" text DEFAULT 'sleep' NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "machine_kept_until" timestamp with time zone;