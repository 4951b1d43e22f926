"""The table for people and READMEs, the same as JSON, and a plot."""

import json
import math
import os
import platform
from xml.sax.saxutils import escape

HEAD = ["row", "figure", "goal", "measured", "verdict", "beside it"]


def table(figures):
    lines = [HEAD, ["---"] * len(HEAD)]
    before = None
    for figure in figures:
        cells = figure.cells()
        cells[0], before = ("" if cells[0] == before else cells[0]), cells[0]
        lines.append(cells)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine():
    model = platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release()}"


WIDTH, LABEL, ROW, TOP = 1000, 470, 26, 60


def bar(number, figure):
    """A figure as part of its goal: the line in the middle is the goal, shorter is better."""
    y = TOP + number * ROW
    part = min(figure.value / figure.goal if figure.goal else 2 * (figure.value > 0), 2)
    length = part * (WIDTH - LABEL - 110) / 2
    colour = {figure.MET: "#2d7d46", figure.EVEN: "#8a6d00"}.get(figure.verdict(), "#b3261e")
    words = escape(f"{figure.row}: {figure.what.partition(';')[0]}")
    value = escape(figure.words(figure.value, figure.unit))
    return (f'<text x="{LABEL - 10}" y="{y + 15}" text-anchor="end">{words}</text>'
            f'<rect x="{LABEL}" y="{y + 3}" width="{max(length, 1):.1f}" height="{ROW - 8}" '
            f'fill="{colour}"/>'
            f'<text x="{LABEL + length + 6:.1f}" y="{y + 15}">{value}</text>')


def plot(figures, foot):
    """One bar a goal, as a picture that needs nothing but a browser."""
    shown = [f for f in figures if f.goal is not None and not math.isnan(f.value)]
    height = TOP + ROW * len(shown) + 40
    middle = LABEL + (WIDTH - LABEL - 110) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        '<text x="10" y="24" font-size="16">What was measured, as a part of its goal</text>',
        f'<text x="{middle}" y="{TOP - 8}" text-anchor="middle">goal</text>',
    ]
    parts += [bar(number, figure) for number, figure in enumerate(shown)]
    parts.append(f'<line x1="{middle}" x2="{middle}" y1="{TOP - 4}" y2="{height - 36}" '
                 'stroke="black" stroke-dasharray="4 3"/>')
    parts.append(f'<text x="10" y="{height - 12}" font-size="10">{escape("; ".join(foot))}</text></svg>')
    return "\n".join(parts) + "\n"


def write(directory, figures, foot):
    rows = [dict(zip(("row", "figure", "unit", "goal", "measured", "verdict", "note"),
                     (f.row, f.what, f.unit, f.goal, None if math.isnan(f.value) else f.value,
                      f.verdict(), f.note))) for f in figures]
    for name, text in (
        ("results.json", json.dumps({"versions": foot, "machine": machine(), "figures": rows}, indent=1)),
        ("results.md", table(figures) + "\n\n" + "; ".join([*foot, machine()]) + "\n"),
        ("results.svg", plot(figures, [*foot, machine()])),
    ):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as out:
            out.write(text)


BEGIN, END = "<!-- make bench BENCH=--publish writes from here -->\n", "<!-- to here -->\n"


def publish(root, figures, foot):
    readme = os.path.join(root, "README.md")
    with open(readme, encoding="utf-8") as file:
        before, _, rest = file.read().partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{readme} has no place for the table")
    with open(readme, "w", encoding="utf-8") as out:
        out.write(before + BEGIN + table(figures) + "\n\n" + "; ".join([*foot, machine()]) + ".\n"
                  + END + after)
    with open(os.path.join(root, "tests", "bench", "results.svg"), "w", encoding="utf-8") as out:
        out.write(plot(figures, [*foot, machine()]))
