CREATE TYPE "public"."rollout_state" AS ENUM('running', 'halted', 'rolling_back', 'rolled_back', 'completed');--> statement-breakpoint
CREATE TYPE "public"."webhook_delivery_state" AS ENUM('pending', 'dead');--> statement-breakpoint
CREATE TABLE "hook_secrets" (
	"id" uuid PRIMARY KEY NOT NULL,
	"hook_id" uuid NOT NULL,
	"key_id" text NOT NULL,
	"sealed" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "hooks" (
	"id" uuid PRIMARY KEY NOT NULL,
	"workspace_id" uuid NOT NULL,
	"name" text NOT NULL,
	"scheme" text NOT NULL,
	"template" text NOT NULL,
	"events" jsonb,
	"delivery_header" text,
	"enabled" boolean NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "hooks_once" UNIQUE("workspace_id","name")
);
--> statement-breakpoint
CREATE TABLE "rollout_workspaces" (
	"rollout_id" uuid NOT NULL,
	"workspace_id" uuid NOT NULL,
	"tranche" integer NOT NULL,
	"state" text NOT NULL,
	"reason" jsonb,
	"started_at" timestamp with time zone NOT NULL,
	"ready_at" timestamp with time zone,
	CONSTRAINT "rollout_workspaces_rollout_id_workspace_id_pk" PRIMARY KEY("rollout_id","workspace_id")
);
--> statement-breakpoint
CREATE TABLE "rollouts" (
	"id" uuid PRIMARY KEY NOT NULL,
	"runtime" text NOT NULL,
	"image" text NOT NULL,
	"previous_image" text NOT NULL,
	"publication_id" uuid,
	"started_by" text NOT NULL,
	"plan" jsonb NOT NULL,
	"only" jsonb,
	"baseline" jsonb NOT NULL,
	"after_seq" bigint NOT NULL,
	"state" "rollout_state" DEFAULT 'running' NOT NULL,
	"reason" jsonb,
	"tranche" integer DEFAULT 0 NOT NULL,
	"tranche_since" timestamp with time zone NOT NULL,
	"watching_since" timestamp with time zone,
	"lease_id" uuid,
	"leased_until" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"finished_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "runtime_defaults" (
	"runtime" text PRIMARY KEY NOT NULL,
	"image" text NOT NULL,
	"rollout_id" uuid NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "runtime_images" (
	"id" uuid PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "runtime_images_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"runtime" text NOT NULL,
	"image" text NOT NULL,
	"digest" text,
	"tag" text NOT NULL,
	"version" text NOT NULL,
	"source" text NOT NULL,
	"delivery_id" text NOT NULL,
	"seen_at" timestamp with time zone NOT NULL,
	CONSTRAINT "runtime_images_once" UNIQUE("runtime","version")
);
--> statement-breakpoint
CREATE TABLE "webhook_deliveries" (
	"endpoint_id" uuid NOT NULL,
	"seq" bigint NOT NULL,
	"lane" text NOT NULL,
	"state" "webhook_delivery_state" NOT NULL,
	"attempts" integer NOT NULL,
	"first_attempt_at" timestamp with time zone,
	"next_attempt_at" timestamp with time zone,
	"last_failure" jsonb,
	"dead_at" timestamp with time zone,
	CONSTRAINT "webhook_deliveries_endpoint_id_seq_pk" PRIMARY KEY("endpoint_id","seq")
);
--> statement-breakpoint
CREATE TABLE "webhook_endpoints" (
	"id" uuid PRIMARY KEY NOT NULL,
	"url" text NOT NULL,
	"types" jsonb NOT NULL,
	"workspace_id" uuid,
	"description" text NOT NULL,
	"ordered" boolean NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"disabled_at" timestamp with time zone,
	"disabled_reason" text,
	"after_seq" bigint NOT NULL,
	"missed" jsonb,
	"failures" integer DEFAULT 0 NOT NULL,
	"failing_since" timestamp with time zone,
	"rests_until" timestamp with time zone,
	"last_success_at" timestamp with time zone,
	"last_failure" jsonb,
	"due_at" timestamp with time zone,
	"lease_id" uuid,
	"leased_until" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "webhook_secrets" (
	"id" uuid PRIMARY KEY NOT NULL,
	"endpoint_id" uuid NOT NULL,
	"key_id" text NOT NULL,
	"sealed" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "control_plane" ADD COLUMN "events_forgotten_seq" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "control_plane" ADD COLUMN "audit_forgotten_seq" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "launch_image" text;--> statement-breakpoint
ALTER TABLE "hook_secrets" ADD CONSTRAINT "hook_secrets_hook_id_hooks_id_fk" FOREIGN KEY ("hook_id") REFERENCES "public"."hooks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "hooks" ADD CONSTRAINT "hooks_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rollout_workspaces" ADD CONSTRAINT "rollout_workspaces_rollout_id_rollouts_id_fk" FOREIGN KEY ("rollout_id") REFERENCES "public"."rollouts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rollout_workspaces" ADD CONSTRAINT "rollout_workspaces_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_deliveries" ADD CONSTRAINT "webhook_deliveries_endpoint_id_webhook_endpoints_id_fk" FOREIGN KEY ("endpoint_id") REFERENCES "public"."webhook_endpoints"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_secrets" ADD CONSTRAINT "webhook_secrets_endpoint_id_webhook_endpoints_id_fk" FOREIGN KEY ("endpoint_id") REFERENCES "public"."webhook_endpoints"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "hook_secrets_hook" ON "hook_secrets" USING btree ("hook_id");--> statement-breakpoint
CREATE INDEX "rollout_workspaces_workspace" ON "rollout_workspaces" USING btree ("workspace_id");--> statement-breakpoint
CREATE UNIQUE INDEX "rollouts_active" ON "rollouts" USING btree ("runtime") WHERE "rollouts"."state" in ('running', 'halted', 'rolling_back');--> statement-breakpoint
CREATE INDEX "rollouts_created" ON "rollouts" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "runtime_images_newest" ON "runtime_images" USING btree ("runtime","seq");--> statement-breakpoint
CREATE INDEX "runtime_images_delivery" ON "runtime_images" USING btree ("source","delivery_id");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_lane" ON "webhook_deliveries" USING btree ("endpoint_id","lane","seq") WHERE "webhook_deliveries"."state" = 'pending';--> statement-breakpoint
CREATE INDEX "webhook_deliveries_dead" ON "webhook_deliveries" USING btree ("dead_at") WHERE "webhook_deliveries"."state" = 'dead';--> statement-breakpoint
CREATE INDEX "webhook_secrets_endpoint" ON "webhook_secrets" USING btree ("endpoint_id");