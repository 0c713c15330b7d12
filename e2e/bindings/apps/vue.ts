import { createApp, createSSRApp, h, type ShallowRef, shallowRef, type App as VueApp } from 'vue'
import { publish, type Scene } from './scene.ts'
import { Stage } from './vue-stage.ts'

let app: VueApp | undefined
let scene: ShallowRef<Scene> | undefined

function begin(create: typeof createApp, first: Scene): void {
  const now = shallowRef(first)
  scene = now
  app = create({ render: () => h(Stage, { scene: now.value }) })
  app.config.warnHandler = warning => {
    if (/hydration/i.test(warning)) Object.assign(globalThis, { mismatch: warning })
  }
  app.mount('#app')
}

publish({
  show(next) {
    if (scene) scene.value = next
    else begin(createApp, next)
  },
  hydrate: first => begin(createSSRApp, first),
  hide() {
    app?.unmount()
    scene = undefined
  },
})
