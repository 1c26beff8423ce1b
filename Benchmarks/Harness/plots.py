"""Bars as SVG: one row a contestant, with the range of all rounds as a whisker."""

from xml.sax.saxutils import escape

WIDTH, LABELS, NUMBERS, ROW, HEAD = 900, 270, 90, 22, 6
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .head { font-weight: 600 } .value { text-anchor: end }
  .ours { fill: #c2410c } .floor { fill: #9ca3af } .peer { fill: #3b82b6 }
  line { stroke: #1f2328; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } line { stroke: #e6edf3 } }
"""


def bars(title, groups):
    """Returns an SVG.

    A group is a heading and rows; a row is a label, a class, a value, the ends of its whisker, and the value as text.
    All bars of a group have one scale, which begins at zero.
    """
    parts, y = [], HEAD
    room = WIDTH - LABELS - NUMBERS
    for heading, rows in groups:
        parts.append(f'<text class="head" x="0" y="{y + 14}">{escape(heading)}</text>')
        y += ROW
        longest = max((high for *_, high, _ in rows), default=0) or 1
        for label, kind, value, low, high, text in rows:
            left, right = (LABELS + room * end / longest for end in (low, high))
            parts.append(f'<text x="8" y="{y + 15}">{escape(label)}</text>')
            parts.append(
                f'<rect class="{kind}" x="{LABELS}" y="{y + 3}" width="{max(room * value / longest, 1):.1f}"'
                f' height="{ROW - 6}"/>'
            )
            parts.append(f'<line x1="{left:.1f}" y1="{y + ROW / 2}" x2="{right:.1f}" y2="{y + ROW / 2}"/>')
            parts.append(f'<text class="value" x="{WIDTH - 4}" y="{y + 15}">{escape(text)}</text>')
            y += ROW
        y += ROW // 2
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" viewBox="0 0 {WIDTH} {y}" role="img">'
    body = "\n".join(parts)
    return f"{head}\n<title>{escape(title)}</title>\n<style>{STYLE}</style>\n{body}\n</svg>\n"
