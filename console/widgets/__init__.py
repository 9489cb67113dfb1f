"""The components of the design, painted from the theme.

text.py       labels and tooltips that never read markup
paint.py      drawing shared with the table delegate: pills, chips, bars, sparklines
buttons.py    Button, IconButton
chips.py      StatePill, AliasChip, Tag, StateDot, Ring, Kbd, Icon
controls.py   Segmented, Tabs, Toggle
panel.py      Panel, hairline, row and column
meters.py     Meter, MetricTile, ProgressBar, EstimateBar, Sparkline
form.py       FormField, ModelForm over a pydantic model
formspec.py   what a form knows of each field, and the control that fits it
rows.py       gate, event, history, key-value and bar rows; ItemList
timeline.py   VersionTimeline
interval.py   IntervalBar
lineage.py    LineageStrip
traffic.py    TrafficSlider
attribution.py  TokenAttribution
logview.py    LogView
filterbox.py  FilterBox
bulkbar.py    BulkBar
page.py       Page, PageHeader
sheet.py      Sheet and its host
dropfield.py  a path, a place to drop a file, a curtain while one hovers
trouble.py    what went wrong with a file
spoken.py     what a screen reader is told of painted widgets
toast.py      toasts and the banner
empty.py      EmptyState, Skeleton
popover.py    Popover
queuelist.py  QueueList: rows to drag into another order
menus.py      menu entries out of page actions
palette.py    the command palette
fuzzy.py      its matching, pure
topbar.py     mark, menu bar, search box, bell, New run
rail.py       pages in groups with badges
pins.py       a pinned thing of the rail
statusbar.py  painted segments that are buttons
focusring.py  the keyboard focus ring
"""
