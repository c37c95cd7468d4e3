CREATE INDEX "events_at" ON "events" USING brin ("at");--> statement-breakpoint
CREATE INDEX "events_audit_caller" ON "events" USING btree (("payload" ->> 'caller'),"seq") WHERE "events"."type" = 'audit';--> statement-breakpoint
CREATE INDEX "events_audit_route" ON "events" USING btree (("payload" ->> 'route'),"seq") WHERE "events"."type" = 'audit';--> statement-breakpoint
CREATE INDEX "events_audit_outcome" ON "events" USING btree (("payload" ->> 'outcome'),"seq") WHERE "events"."type" = 'audit';