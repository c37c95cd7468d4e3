ALTER TABLE "workspaces" ADD COLUMN "slug" text;--> statement-breakpoint
CREATE UNIQUE INDEX "workspaces_slug" ON "workspaces" USING btree ("slug") WHERE "workspaces"."status" <> 'removed';