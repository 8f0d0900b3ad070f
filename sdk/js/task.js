// The page's tasks.

/** Waits for the next task of the page, for which pages that nobody looks at wait no longer than others. */
export function nextTask() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}
