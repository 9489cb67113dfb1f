"""Charts: the only place for pyqtgraph. Import this package late, it costs half a second.

series.py     columns of points per key, windows, gaps (no Qt)
extremes.py   steps with a lowest and a highest value as points (no Qt)
pyramid.py    extremes of a long series, level by level (no Qt)
reduce.py     min/max-preserving thinning, bias-corrected smoothing (no Qt)
store.py      all series of a page, steps for samples that only know their time (no Qt)
whole.py      every point of what a chart shows, page by page
detail.py     what a zoom asks the store for, and the columns of its answer
window.py     the one x range of a page: zoom, pan, follow (no Qt)
events.py     what happened on the axis, grouped when icons would touch (no Qt)
format.py     numbers, durations and tick positions as text (no Qt)
catalogue.py  every chart of the product as data, one line each (no Qt)
palette.py    pens and colours asked from the theme by role
clock.py      the one clock that redraws what is dirty and visible
axis.py       grid lines and labels around a plot
canvas.py     the plot surface: a cached picture of curves, an overlay for the crosshair
curves.py     from columns to pixels: ranges, lines, fills, stacks
scale.py      the y axis: which values it spans, values to pixels (no Qt)
shares.py     shares of a whole that is logged in parts, stacked (no Qt)
describe.py   words about data, for crosshair and screen reader
picture.py    what one chart looks like now, in pixels
marks.py      painters of shading, limit lines, event marks, dots
header.py     title, unit and legend with values
interact.py   mouse and keyboard of a chart
menu.py       the right-click menu of a chart
export.py     a chart as PNG, SVG and columns
table.py      the same data as a table
chart.py      TimeSeriesChart
group.py      ChartGroup: one range, one crosshair, one clock for all charts of a page
grid.py       ChartGrid: charts in columns, reordered, hidden, maximized
binned.py     distributions over bins of unequal width
plain.py      charts without a shared axis: distribution, points by version, band
"""
