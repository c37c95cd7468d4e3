ALTER TABLE "workspaces" ADD COLUMN "labels" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
CREATE INDEX "workspaces_status" ON "workspaces" USING btree ("status","created_at","id");--> statement-breakpoint
CREATE INDEX "workspaces_runtime" ON "workspaces" USING btree ("runtime","created_at","id");--> statement-breakpoint
CREATE INDEX "workspaces_tier" ON "workspaces" USING btree ("tier","created_at","id");--> statement-breakpoint
CREATE INDEX "workspaces_region" ON "workspaces" USING btree (("regions" ->> 0),"created_at","id");--> statement-breakpoint
CREATE INDEX "workspaces_name" ON "workspaces" USING btree ("name","id");--> statement-breakpoint
CREATE INDEX "workspaces_name_prefix" ON "workspaces" USING btree ("name" text_pattern_ops);--> statement-breakpoint
CREATE INDEX "workspaces_labels" ON "workspaces" USING gin ("labels" jsonb_path_ops);