CREATE TABLE "machine_logs" (
	"workspace_id" uuid PRIMARY KEY NOT NULL,
	"machine_id" text NOT NULL,
	"generation" integer,
	"reason" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"lines" jsonb NOT NULL
);
--> statement-breakpoint
ALTER TABLE "machine_logs" ADD CONSTRAINT "machine_logs_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE cascade ON UPDATE no action;