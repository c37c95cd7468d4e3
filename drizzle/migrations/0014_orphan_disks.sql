CREATE TABLE "orphan_disks" (
	"volume_id" text PRIMARY KEY NOT NULL,
	"app" text NOT NULL,
	"name" text NOT NULL,
	"first_seen_at" timestamp with time zone NOT NULL,
	"last_seen_at" timestamp with time zone NOT NULL,
	"sightings" integer DEFAULT 1 NOT NULL,
	"gone_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "disks" ADD COLUMN "snapshot_bytes" bigint;