"""Draws learning curves as an SVG: python3 tools/plot_curves.py OUT.svg TITLE NAME=FILE[,FILE...] ...

FILE is a run's metrics.csv. A line is the mean over the files of the evaluation return (most probable
actions), its band from the lowest to the highest. Standard library only.
"""

import csv
import sys

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 380, 62, 150, 44, 50
COLOURS = ["#0f7b6c", "#d9730d", "#6940a5", "#337ea9"]


def curve(path):
    with open(path, newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["evaluation_return"]]
    return {int(r["decisions"]): float(r["evaluation_return"]) for r in rows}


def main():
    out, title, groups = sys.argv[1], sys.argv[2], []
    for argument in sys.argv[3:]:
        name, files = argument.split("=", 1)
        curves = [curve(f) for f in files.split(",")]
        steps = sorted(set.intersection(*(set(c) for c in curves)))
        groups.append((name, [(s, [c[s] for c in curves]) for s in steps]))
    last = max(points[-1][0] for _, points in groups)
    top = 1000
    x = lambda s: LEFT + (WIDTH - LEFT - RIGHT) * s / last
    y = lambda v: HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * v / top
    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="system-ui, sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="26" font-size="15" font-weight="600" fill="#222">{title}</text>',
    ]
    for value in range(0, top + 1, 200):
        svg.append(f'<path d="M{LEFT} {y(value):.1f}H{WIDTH - RIGHT}" stroke="#e4e4e4"/>')
        svg.append(f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end" fill="#555">{value}</text>')
    step = 25_000 if last <= 200_000 else last // 5
    for s in range(0, last + 1, step):
        svg.append(f'<text x="{x(s):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle" fill="#555">{s // 1000}k</text>')
    svg.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle" fill="#555">decisions (40 ms each)</text>')
    svg.append(f'<text x="16" y="{HEIGHT / 2}" text-anchor="middle" fill="#555" transform="rotate(-90 16 {HEIGHT / 2})">return of the mean action</text>')
    label_y = []
    for (name, points), colour in zip(groups, COLOURS):
        upper = " ".join(f"{x(s):.1f},{y(max(v)):.1f}" for s, v in points)
        lower = " ".join(f"{x(s):.1f},{y(min(v)):.1f}" for s, v in reversed(points))
        mean = " ".join(f"{x(s):.1f},{y(sum(v) / len(v)):.1f}" for s, v in points)
        svg.append(f'<polygon points="{upper} {lower}" fill="{colour}" opacity="0.15"/>')
        svg.append(f'<polyline points="{mean}" fill="none" stroke="{colour}" stroke-width="2.2" stroke-linejoin="round"/>')
        s, v = points[-1]
        at = y(sum(v) / len(v))
        while any(abs(at - other) < 18 for other in label_y):
            at += 6
        label_y.append(at)
        svg.append(f'<text x="{x(s) + 8:.1f}" y="{at + 4:.1f}" fill="{colour}" font-weight="600">{name} {sum(v) / len(v):.0f}</text>')
    svg.append("</svg>")
    with open(out, "w") as file:
        file.write("\n".join(svg) + "\n")


main()
