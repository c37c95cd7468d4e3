CREATE TYPE "public"."message_state" AS ENUM('queued', 'sending', 'answered', 'failed', 'unknown');--> statement-breakpoint
CREATE TABLE "activities" (
	"id" uuid PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "activities_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"workspace_id" uuid NOT NULL,
	"activity_type" text NOT NULL,
	"source_id" uuid,
	"target_id" uuid,
	"method" text,
	"summary" text DEFAULT '' NOT NULL,
	"request_body" jsonb,
	"response_body" jsonb,
	"tool_trace" jsonb,
	"duration_ms" integer,
	"status" text NOT NULL,
	"error_detail" text,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "delegations" (
	"source_id" uuid NOT NULL,
	"id" text NOT NULL,
	"target_id" uuid NOT NULL,
	"task" text NOT NULL,
	"idempotency_key" text,
	"message" uuid,
	"status" text NOT NULL,
	"error" text,
	"response_preview" text,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "delegations_source_id_id_pk" PRIMARY KEY("source_id","id"),
	CONSTRAINT "delegations_message_unique" UNIQUE("message")
);
--> statement-breakpoint
CREATE TABLE "messages" (
	"id" uuid PRIMARY KEY NOT NULL,
	"seq" bigint GENERATED ALWAYS AS IDENTITY (sequence name "messages_seq_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"workspace_id" uuid NOT NULL,
	"caller" text NOT NULL,
	"sender_id" uuid,
	"message_id" text NOT NULL,
	"context_id" text,
	"method" text NOT NULL,
	"request" text NOT NULL,
	"request_headers" jsonb NOT NULL,
	"fingerprint" text NOT NULL,
	"state" "message_state" DEFAULT 'queued' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone NOT NULL,
	"leased_until" timestamp with time zone,
	"sent_at" timestamp with time zone,
	"response_status" integer,
	"response_type" text,
	"response" text,
	"failure" jsonb,
	"finished_at" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "control_plane" ADD COLUMN "agent_key" text DEFAULT replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '') NOT NULL;--> statement-breakpoint
ALTER TABLE "delegations" ADD CONSTRAINT "delegations_source_id_workspaces_id_fk" FOREIGN KEY ("source_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "activities_workspace" ON "activities" USING btree ("workspace_id","seq");--> statement-breakpoint
CREATE INDEX "activities_created" ON "activities" USING btree ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "delegations_once" ON "delegations" USING btree ("source_id","idempotency_key");--> statement-breakpoint
CREATE INDEX "delegations_created" ON "delegations" USING btree ("created_at");--> statement-breakpoint
CREATE UNIQUE INDEX "messages_once" ON "messages" USING btree ("workspace_id","caller","message_id");--> statement-breakpoint
CREATE INDEX "messages_open" ON "messages" USING btree ("workspace_id","seq") WHERE "messages"."state" in ('queued', 'sending');--> statement-breakpoint
CREATE INDEX "messages_expiry" ON "messages" USING btree ("expires_at");