declare module '*.svelte' {
  import type { Component } from 'svelte'

  const component: Component<Record<string, unknown>>
  export default component
}

declare module '*/box.svelte.js' {
  export const box: { scene: unknown }
}
