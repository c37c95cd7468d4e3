ALTER TABLE "control_plane" ADD COLUMN "emulator_id" text;--> statement-breakpoint
ALTER TABLE "control_plane" ADD COLUMN "emulator_url" text;--> statement-breakpoint
ALTER TABLE "control_plane" ADD COLUMN "emulator_seen_at" timestamp with time zone;