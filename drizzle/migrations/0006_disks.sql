CREATE TYPE "public"."disk_state" AS ENUM('wanted', 'creating', 'ready', 'deleting', 'gone', 'missing');--> statement-breakpoint
CREATE TABLE "disks" (
	"id" text PRIMARY KEY NOT NULL,
	"workspace_id" uuid,
	"made_for" uuid NOT NULL,
	"state" "disk_state" NOT NULL,
	"size_gb" integer NOT NULL,
	"source" jsonb NOT NULL,
	"app" text,
	"region" text,
	"volume_id" text,
	"requested_at" timestamp with time zone,
	"created_at" timestamp with time zone,
	"mounted_at" timestamp with time zone,
	"provider_state" text,
	"used_bytes" bigint,
	"snapshots" integer,
	"seen_at" timestamp with time zone,
	"absent_since" timestamp with time zone,
	"last_failure" jsonb,
	"retained_at" timestamp with time zone,
	"retained_reason" text,
	"retained_until" timestamp with time zone,
	"replaced_by" text,
	"deleted_at" timestamp with time zone,
	"inserted_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "disk_id" text;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "disk_path" text DEFAULT '/workspace' NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "on_host_loss" text DEFAULT 'wait' NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "launch_disk" text;--> statement-breakpoint
CREATE UNIQUE INDEX "disks_workspace" ON "disks" USING btree ("workspace_id");--> statement-breakpoint
CREATE UNIQUE INDEX "disks_volume" ON "disks" USING btree ("volume_id");--> statement-breakpoint
CREATE INDEX "disks_kept" ON "disks" USING btree ("inserted_at","id") WHERE "disks"."state" <> 'gone';