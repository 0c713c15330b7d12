import { createSSRApp, h } from 'vue'
import { renderToString } from 'vue/server-renderer'
import type { Scene } from './scene.ts'
import { Stage } from './vue-stage.ts'

export async function render(scene: Scene): Promise<string> {
  return renderToString(createSSRApp({ render: () => h(Stage, { scene }) }))
}
