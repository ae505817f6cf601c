"""A plain SVG plot: two linear axes, lines, dots with intervals, labels. Shapes and dashes differ, not only colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 560
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 44, 56
_COLOURS = ("#111111", "#0a5fa8", "#b34700", "#2e7d32")
_DASHES = ("none", "10 4", "2 3", "12 3 2 3")


@dataclass(frozen=True, slots=True)
class Dot:
    """A point in the units of the axes, with the bounds of its interval upwards and a label beside it."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    label: str = ""
    large: bool = False


@dataclass
class Plot:
    """Draws into a list of SVG elements; what lies beyond the axes' ends is cut off. Axes begin at 0 and are in %."""

    title: str
    across: str
    up: str
    x_end: int
    y_end: int
    legend_below: bool = False
    _drawn: list[str] = field(default_factory=list)
    _legend: list[tuple[str, int]] = field(default_factory=list)

    def line(self, points: Sequence[tuple[float, float]], style: int) -> None:
        """A line in the ``style``-th dash and colour."""
        path = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in points)
        self._drawn.append(f'<polyline clip-path="url(#area)" points="{path}" {_stroke(style)}/>')

    def diagonal(self, label: str) -> None:
        """A thin grey line from corner to corner, with words along its upper end."""
        at = f'x="{self._x(0.80 * self.x_end):.1f}" y="{self._y(0.84 * self.y_end):.1f}"'
        self._drawn.append(
            f'<line x1="{self._x(0)}" y1="{self._y(0)}" x2="{self._x(self.x_end)}" y2="{self._y(self.y_end)}" '
            f'stroke="#999"/><text {at} text-anchor="end" fill="#555">{escape(label)}</text>'
        )

    def box(self, x: float, y: float, label: str) -> None:
        """A grey rectangle from the origin, with words inside: where one would like to be."""
        self._drawn.append(
            f'<rect x="{self._x(0)}" y="{self._y(y):.1f}" width="{self._x(x) - self._x(0):.1f}" '
            f'height="{self._y(0) - self._y(y):.1f}" fill="#bbb" fill-opacity="0.45" stroke="#555"/>'
            f'<text x="{self._x(0) + 6}" y="{self._y(0) - 8}" fill="#333">{escape(label)}</text>'
        )

    def dots(self, dots: Sequence[Dot], style: int) -> None:
        """Markers in the ``style``-th shape: circle, square, triangle, diamond."""
        for dot in dots:
            if not (dot.x <= self.x_end and dot.y <= self.y_end):
                continue
            x, y = self._x(dot.x), self._y(dot.y)
            if dot.low is not None and dot.high is not None:
                ends = f'y1="{self._y(dot.low):.1f}" y2="{self._y(min(dot.high, self.y_end)):.1f}"'
                self._drawn.append(
                    f'<line x1="{x:.1f}" x2="{x:.1f}" {ends} stroke="{_COLOURS[style]}" stroke-width="1"/>'
                )
            self._drawn.append(_marker(x, y, style, 8 if dot.large else 4.5))
            if dot.label:
                weight = ' font-weight="bold"' if dot.large else ""
                beside = f'x="{x + 10:.1f}"' if x < WIDTH - _RIGHT - 70 else f'x="{x - 10:.1f}" text-anchor="end"'
                self._drawn.append(f'<text {beside} y="{y - 7:.1f}"{weight}>{escape(dot.label)}</text>')

    def legend(self, text: str, style: int) -> None:
        """One more line of the legend, with the line and the shape of its style."""
        self._legend.append((text, style))

    def svg(self) -> str:
        """The whole document."""
        right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
        size = f'width="{WIDTH}" height="{HEIGHT}"'
        area = f'x="{_LEFT}" y="{_TOP}" width="{right - _LEFT}" height="{bottom - _TOP}"'
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {size} role="img"',
            f'font-family="sans-serif" font-size="13"><title>{escape(self.title)}</title>',
            f'<rect {size} fill="white"/>',
            f'<clipPath id="area"><rect {area}/></clipPath>',
            f'<text x="{_LEFT}" y="26" font-size="16" font-weight="bold">{escape(self.title)}</text>',
        ]
        for tenth in range(11):
            x, y = self._x(self.x_end * tenth / 10), self._y(self.y_end * tenth / 10)
            parts += [
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{bottom}" stroke="#ddd"/>',
                f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>',
                f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{self.x_end * tenth / 10:g}</text>',
                f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{self.y_end * tenth / 10:g}</text>',
            ]
        middle = (_TOP + bottom) / 2
        turned = f'text-anchor="middle" transform="rotate(-90 18 {middle})"'
        parts += [
            f'<text x="{(_LEFT + right) / 2}" y="{HEIGHT - 14}" text-anchor="middle">{escape(self.across)}</text>',
            f'<text x="18" y="{middle}" {turned}>{escape(self.up)}</text>',
            *self._drawn,
        ]
        return "\n".join([*parts, *self._legend_lines(), "</svg>\n"])

    def _legend_lines(self) -> list[str]:
        if not self._legend:
            return []
        high = 20 * len(self._legend) + 10
        x, top = WIDTH - _RIGHT - 308, HEIGHT - _BOTTOM - high - 4 if self.legend_below else _TOP + 4
        lines = [f'<rect x="{x}" y="{top}" width="304" height="{high}" fill="white" stroke="#bbb"/>']
        for number, (text, style) in enumerate(self._legend):
            y = top + 18 + 20 * number
            lines += [
                f'<line x1="{x + 8}" x2="{x + 52}" y1="{y - 4}" y2="{y - 4}" {_stroke(style)}/>',
                f'{_marker(x + 30, y - 4, style, 4.5)}<text x="{x + 62}" y="{y}">{escape(text)}</text>',
            ]
        return lines

    def _x(self, x: float) -> float:
        return _LEFT + x / self.x_end * (WIDTH - _LEFT - _RIGHT)

    def _y(self, y: float) -> float:
        return HEIGHT - _BOTTOM - y / self.y_end * (HEIGHT - _TOP - _BOTTOM)


def _stroke(style: int) -> str:
    return f'fill="none" stroke="{_COLOURS[style]}" stroke-width="1.8" stroke-dasharray="{_DASHES[style]}"'


def _marker(x: float, y: float, style: int, size: float) -> str:
    fill = f'fill="{_COLOURS[style]}" stroke="white"'
    if style == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" {fill}/>'
    unit = {
        1: ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        2: ((0, -1.3), (1.2, 0.9), (-1.2, 0.9)),
        3: ((0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)),
    }[style]
    corners = " ".join(f"{x + dx * size:.1f},{y + dy * size:.1f}" for dx, dy in unit)
    return f'<polygon points="{corners}" {fill}/>'
