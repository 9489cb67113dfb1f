"""Everything on the screen; it sees of the backend only contract, paths, platform and launch.

app.py       composition root: build the parts, show the window
window.py    the window: navigation, what the shell's actions do
shell.py     its base: top bar, banner, rail, page stack, status bar, layers, areas, place
catalogue.py  every page and sheet by name
stack.py     pages made on first show; a broken one shows its own error
status.py    what status bar, rail and banner say of the state
menus.py     QActions and menus from the action table
finder.py    what the palette lists
bell.py      the bell's popover
jobs.py      the jobs' popover: what runs, the queue to reorder
areas.py     what F6 walks
menukey.py   Shift+F10 asks for the menu of what has the focus
drops.py     what dropping a thing on the rail means
helpsheet.py  the `?` sheet: every shortcut
notify.py     desktop notifications of serious alerts
following.py an operation of the backend, followed to its end
asking.py    how a page asks the backend, and the words of a refusal
history.py   back, forward, undo
alert_words.py  how alerts, features and their values read
words.py     numbers, sizes, times as people read them
tasks.py     how tasks and the roles of columns are called
yaml.py      a run's request as flat YAML, and back
actions.py   every action as data: menus, shortcuts, palette, help sheet
keys.py      every key: what pages bind, the user's own
context.py   what a page is given
settings.py  what the user chose, declared once, kept in console.json
garbage.py   Python's collector, kept on the window's thread
i18n.py      texts in English and Chinese
said.py      sentences of the backend in the language of now
theme/       colours, sizes, fonts and icons by name
widgets/     the components of the design
tables/      one table model, columns as data, the filter language
charts/      the only place for pyqtgraph
link/        the client of the backend
state/       what the screen knows, without Qt
sheets/      sheets that several pages open
pages/       one screen per file
demo/        the main job, driven through the real window
operations.py  one short function per user action
"""
