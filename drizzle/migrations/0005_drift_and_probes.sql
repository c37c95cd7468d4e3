ALTER TABLE "control_plane" ADD COLUMN "inventoried_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "machine_version" text;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "machine_signature" text;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "drift" jsonb;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "unreachable_since" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "secrets_delivered" text;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "secrets_version" bigint;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "last_probe" jsonb;