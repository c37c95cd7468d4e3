CREATE TYPE "public"."rollout_state" AS ENUM('running', 'halted', 'rolling_back', 'rolled_back', 'completed');--> statement-breakpoint
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
ALTER TABLE "workspaces" ADD COLUMN "launch_image" text;--> statement-breakpoint
ALTER TABLE "rollout_workspaces" ADD CONSTRAINT "rollout_workspaces_rollout_id_rollouts_id_fk" FOREIGN KEY ("rollout_id") REFERENCES "public"."rollouts"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rollout_workspaces" ADD CONSTRAINT "rollout_workspaces_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "rollout_workspaces_workspace" ON "rollout_workspaces" USING btree ("workspace_id");--> statement-breakpoint
CREATE UNIQUE INDEX "rollouts_active" ON "rollouts" USING btree ("runtime") WHERE "rollouts"."state" in ('running', 'halted', 'rolling_back');--> statement-breakpoint
CREATE INDEX "rollouts_created" ON "rollouts" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "runtime_images_newest" ON "runtime_images" USING btree ("runtime","seq");--> statement-breakpoint
CREATE INDEX "runtime_images_delivery" ON "runtime_images" USING btree ("source","delivery_id");