# The server with the emulated Fly, for compose.yaml. The image for production is in Dockerfile and has no emulator.
FROM node:24-slim
WORKDIR /app
RUN mkdir /data && chown node:node /data
COPY package.json package-lock.json ./
COPY packages ./packages
# Packages of development, too: the API reference is one of them. None that is needed here has an install script.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN node commands/build.ts
USER node
CMD ["node", "commands/start.cjs"]
