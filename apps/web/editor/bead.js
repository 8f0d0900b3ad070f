// A person's bead, as the page draws it.

const SVG = 'http://www.w3.org/2000/svg'

/** The bead of somebody with this look and shape. It is nothing to those who listen. */
export function bead({ look, shape }) {
  const drawing = document.createElementNS(SVG, 'svg')
  const [outline, hole] = ['path', 'circle'].map((name) => document.createElementNS(SVG, name))
  const set = (element, attributes) => Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value))
  set(drawing, { class: 'bead', viewBox: '0 0 24 24', 'aria-hidden': 'true', style: look })
  set(outline, { d: shape })
  set(hole, { class: 'hole', cx: 12, cy: 12, r: 3.4 })
  drawing.append(outline, hole)
  return drawing
}
