import { renderToString } from 'react-dom/server'
import { Stage } from './react-stage.tsx'
import type { Scene } from './scene.ts'

export async function render(scene: Scene): Promise<string> {
  return renderToString(<Stage scene={scene} />)
}
