import type { Program } from './programs.ts'

/** What HAProxy does to the hub's traffic, as rules of its frontend. */
export const haproxyRules = {
  passes: '',
  /** As it is by default: what it passes of an answer that goes on waits up to 200 ms for more. */
  dawdles: 'no option http-no-delay',
  deletesUpgrade: 'http-request del-header Upgrade if hub',
  refuses: (status: number) => `http-request deny deny_status ${status} if hub handshake`,
  /** It keeps the request for a minute, and then answers with an error. */
  tarpits: 'http-request tarpit if hub handshake',
  /** The connection is forgotten, and the browser never told. */
  drops: 'http-request silent-drop if hub handshake',
  asksWho:
    'http-request return status 407 content-type text/plain string "who are you?" hdr Proxy-Authenticate "Basic realm=\\"the box\\"" if hub handshake',
}

/** `timeouts` are in seconds: how long the server, and an upgraded connection, may say nothing. */
export function haproxy(target: number, rules: string, timeouts = { server: 60, tunnel: 60 }): Program {
  return {
    name: 'haproxy',
    path: '/usr/sbin/haproxy',
    configure: port => configuration(port, target, rules, timeouts),
    arguments: file => ['-db', '-f', file],
  }
}

function configuration(
  port: number,
  target: number,
  rules: string,
  { server, tunnel }: { server: number; tunnel: number },
): string {
  return `
global
  maxconn 500
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server ${server}s
  timeout tunnel ${tunnel}s
  timeout tarpit 60s
frontend box
  bind 127.0.0.1:${port}
  acl hub path /live
  acl handshake hdr(Upgrade) -i websocket
  option http-no-delay
  ${rules}
  default_backend site
backend site
  server site 127.0.0.1:${target}
`
}
