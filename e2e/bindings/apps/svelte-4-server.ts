import type { Scene } from './scene.ts'
import Stage from './svelte-4/Stage.svelte'

export async function render(scene: Scene): Promise<string> {
  const { render } = Stage as unknown as { render(props: object): { html: string } }
  return render({ scene }).html
}
