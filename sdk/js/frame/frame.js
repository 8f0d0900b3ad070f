// The one inline script of the sealed frame. It makes workers, and a canvas for one that draws, and does nothing else. No program of a
// stranger runs in this document, and this script has no loop: in some browsers it shares its thread with the page.
delete self.RTCPeerConnection
addEventListener('message', ({ source, ports: [page] }) => {
  if (source !== parent || !page) return
  const workers = new Map()
  const end = (id) => {
    const { worker, url } = workers.get(id) ?? {}
    worker?.terminate()
    // WebKit reads no Blob in a worker whose address was revoked, so the address lives as long as the worker.
    URL.revokeObjectURL(url)
    workers.delete(id)
  }
  page.onmessage = ({ data: { id, code, give, size, ended }, ports }) => {
    if (ended) return end(id)
    const handed = [...ports]
    if (size) {
      // A canvas of the page, handed in here, would end the whole frame in Chromium.
      const canvas = document.createElement('canvas')
      canvas.width = size[0]
      canvas.height = size[1]
      canvas.style.cssText = 'position:fixed;inset:0;width:100%;height:100%'
      document.body.replaceChildren(canvas)
      give.canvas = canvas.transferControlToOffscreen()
      handed.push(give.canvas)
    }
    const url = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }))
    const worker = new Worker(url)
    worker.onerror = ({ message, lineno }) => {
      end(id)
      page.postMessage({ id, failed: String(message ?? 'refused'), line: lineno ?? 0 })
    }
    worker.postMessage(give, handed)
    workers.set(id, { worker, url })
  }
  page.postMessage({ ready: true })
}, { once: true })
