/** The token that a WebSocket's subprotocols carry. */
export function tokenOf({ protocols = [] }: { protocols?: string[] | undefined }): string | undefined {
  const name = protocols.find(each => each.startsWith('rt.token.'))
  return name && Buffer.from(name.slice(9), 'base64url').toString()
}
