# The control plane on Node, as a small image: the server as one file of JavaScript, and the other commands as the TypeScript that they are.
# Settings come from the environment (docs/configuration.md); docs/deploy.md says where and how to run it.
FROM node:24-alpine AS packages
WORKDIR /app
COPY package.json package-lock.json ./
COPY packages ./packages
# The server's packages, without those of the command line. None of them needs a script; those that do are for development.
RUN npm ci --omit=dev --workspace=@molecule-fly/server --ignore-scripts --no-audit --no-fund

# The API reference, the console and the server are made with development dependencies.
FROM packages AS built
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY assets ./assets
COPY client ./client
COPY console ./console
COPY commands/build.ts commands/build-console.ts ./commands/
RUN node commands/build.ts
COPY . .
RUN node commands/build-server.ts

FROM node:24-alpine
WORKDIR /app
# What lies here without a Postgres: a volume mounted over it keeps this owner.
RUN mkdir /data && chown node:node /data
COPY --from=packages /app/node_modules ./node_modules
COPY . .
COPY --from=built /app/dist ./dist
# Inside a container loopback is nobody's address; without ADMIN_TOKEN the API stays closed.
ENV HOST=0.0.0.0 PORT=8080 DATA_DIR=/data
USER node
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=15s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/livez`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Node itself, and not npm, so that SIGTERM reaches it.
CMD ["node", "dist/server/node.js"]
