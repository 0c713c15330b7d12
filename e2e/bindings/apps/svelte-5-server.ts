import { render as renderComponent } from 'svelte/server'
import type { Scene } from './scene.ts'
import Stage from './svelte-5/Stage.svelte'

export async function render(scene: Scene): Promise<string> {
  return renderComponent(Stage, { props: { scene } }).body
}
