CREATE TYPE "public"."workspace_status" AS ENUM('provisioning', 'ready', 'degraded', 'offline', 'failed', 'paused', 'hibernated', 'removed');--> statement-breakpoint
CREATE TABLE "control_plane" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"only" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "control_plane_only_unique" UNIQUE("only"),
	CONSTRAINT "control_plane_is_one" CHECK ("control_plane"."only" = 1)
);
--> statement-breakpoint
CREATE TABLE "events" (
	"seq" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "events_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"workspace_id" uuid NOT NULL,
	"type" text NOT NULL,
	"generation" integer NOT NULL,
	"payload" jsonb NOT NULL,
	"at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "launch_pace" (
	"app" text PRIMARY KEY NOT NULL,
	"next_turn_at" timestamp with time zone NOT NULL,
	"next_send_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "orphans" (
	"machine_id" text PRIMARY KEY NOT NULL,
	"app" text NOT NULL,
	"first_seen_at" timestamp with time zone NOT NULL,
	"last_seen_at" timestamp with time zone NOT NULL,
	"sightings" integer DEFAULT 1 NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"gone_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "region_health" (
	"region" text PRIMARY KEY NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"open_until" timestamp with time zone,
	"last_failure" jsonb,
	"last_failure_at" timestamp with time zone,
	"last_success_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "workspace_tokens" (
	"hash" text PRIMARY KEY NOT NULL,
	"workspace_id" uuid NOT NULL,
	"prefix" text NOT NULL,
	"generation" integer NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"last_used_at" timestamp with time zone,
	"revoked_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "workspaces" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"role" text,
	"runtime" text NOT NULL,
	"tier" integer NOT NULL,
	"regions" jsonb NOT NULL,
	"model" text,
	"parent_id" uuid,
	"env" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"config" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"image" text,
	"idle_minutes" integer,
	"spec_version" integer DEFAULT 1 NOT NULL,
	"status" "workspace_status" NOT NULL,
	"status_changed_at" timestamp with time zone NOT NULL,
	"reason" jsonb,
	"generation" integer DEFAULT 1 NOT NULL,
	"deadline_at" timestamp with time zone,
	"launch_id" uuid,
	"launched_at" timestamp with time zone,
	"app" text,
	"launch_slot_at" timestamp with time zone,
	"launch_region" text,
	"machine_id" text,
	"machine_generation" integer,
	"machine_spec_version" integer,
	"machine_state" text,
	"machine_region" text,
	"machine_image" text,
	"machine_seen_at" timestamp with time zone,
	"absent_since" timestamp with time zone,
	"recoveries" integer DEFAULT 0 NOT NULL,
	"agent_card" jsonb,
	"agent_url" text,
	"registered_at" timestamp with time zone,
	"last_heartbeat_at" timestamp with time zone,
	"active_tasks" integer DEFAULT 0 NOT NULL,
	"current_task" text DEFAULT '' NOT NULL,
	"error_rate" real DEFAULT 0 NOT NULL,
	"sample_error" text DEFAULT '' NOT NULL,
	"uptime_seconds" bigint DEFAULT 0 NOT NULL,
	"last_active_at" timestamp with time zone,
	"next_check_at" timestamp with time zone,
	"lease_id" uuid,
	"leased_until" timestamp with time zone,
	"attempts" integer DEFAULT 0 NOT NULL,
	"last_failure" jsonb,
	"idempotency_key" text,
	"idempotency_fingerprint" text,
	"idempotency_answer" jsonb,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"ready_at" timestamp with time zone,
	"removed_at" timestamp with time zone,
	CONSTRAINT "workspaces_idempotency_key_unique" UNIQUE("idempotency_key")
);
--> statement-breakpoint
ALTER TABLE "workspace_tokens" ADD CONSTRAINT "workspace_tokens_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_parent_id_workspaces_id_fk" FOREIGN KEY ("parent_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "events_workspace" ON "events" USING btree ("workspace_id","seq");--> statement-breakpoint
CREATE INDEX "workspace_tokens_workspace" ON "workspace_tokens" USING btree ("workspace_id");--> statement-breakpoint
CREATE INDEX "workspaces_due" ON "workspaces" USING btree ("next_check_at") WHERE "workspaces"."next_check_at" is not null;--> statement-breakpoint
CREATE INDEX "workspaces_created" ON "workspaces" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "workspaces_parent" ON "workspaces" USING btree ("parent_id");--> statement-breakpoint
CREATE UNIQUE INDEX "workspaces_machine" ON "workspaces" USING btree ("machine_id");--> statement-breakpoint
-- The control plane's identity is born with its data.
INSERT INTO "control_plane" DEFAULT VALUES;
