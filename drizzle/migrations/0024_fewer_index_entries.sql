DROP INDEX "rate_limits_next";--> statement-breakpoint
DROP INDEX "workspaces_name_prefix";--> statement-breakpoint
DROP INDEX "workspaces_parent";--> statement-breakpoint
DROP INDEX "workspaces_tier";--> statement-breakpoint
DROP INDEX "workspaces_region";--> statement-breakpoint
DROP INDEX "workspaces_name";--> statement-breakpoint
DROP INDEX "workspaces_slug";--> statement-breakpoint
DROP INDEX "workspaces_machine";--> statement-breakpoint
CREATE INDEX "workspaces_parent" ON "workspaces" USING btree ("parent_id") WHERE "workspaces"."parent_id" is not null;--> statement-breakpoint
CREATE INDEX "workspaces_tier" ON "workspaces" USING btree ("tier","created_at","id") WHERE "workspaces"."runtime" <> 'external';--> statement-breakpoint
CREATE INDEX "workspaces_region" ON "workspaces" USING btree (("regions" ->> 0),"created_at","id") WHERE ("workspaces"."regions" ->> 0) is not null;--> statement-breakpoint
CREATE INDEX "workspaces_name" ON "workspaces" USING btree ("name" collate "C","id");--> statement-breakpoint
CREATE UNIQUE INDEX "workspaces_slug" ON "workspaces" USING btree ("slug") WHERE "workspaces"."slug" is not null and "workspaces"."status" <> 'removed';--> statement-breakpoint
CREATE UNIQUE INDEX "workspaces_machine" ON "workspaces" USING btree ("machine_id") WHERE "workspaces"."machine_id" is not null;