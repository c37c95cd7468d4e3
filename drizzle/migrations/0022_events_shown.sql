CREATE INDEX "events_shown" ON "events" USING btree ("seq") WHERE "events"."type" <> 'audit';--> statement-breakpoint
CREATE INDEX "events_workspace_shown" ON "events" USING btree ("workspace_id","seq") WHERE "events"."type" <> 'audit';--> statement-breakpoint
CREATE INDEX "events_audit_workspace" ON "events" USING btree ("workspace_id","seq") WHERE "events"."type" = 'audit';--> statement-breakpoint
DROP INDEX "events_workspace";