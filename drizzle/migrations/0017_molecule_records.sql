CREATE TABLE "molecule_records" (
	"id" uuid PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"workspace_id" uuid,
	"key" text NOT NULL,
	"value" jsonb NOT NULL,
	"expires_at" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "molecule_records_once" UNIQUE NULLS NOT DISTINCT("kind","workspace_id","key")
);
--> statement-breakpoint
ALTER TABLE "molecule_records" ADD CONSTRAINT "molecule_records_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "molecule_records_workspace" ON "molecule_records" USING btree ("workspace_id","kind","created_at");