// The place of all containers. Docker has neither apps nor regions, and the rest of the platform has one of each.

export const DOCKER_APP = 'docker'

export const LOCAL_REGION = 'local'
