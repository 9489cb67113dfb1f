"""Settings: categories at the left, what they hold at the right, search over all; every change applies at once.

page.py      the page: categories, search, deep links
parts.py     rows, sections and categories, and what the search finds of them
fields.py    controls of console settings and of what the backend keeps
machine.py   backend, GPUs and storage
models.py    models and gates: limits of new endpoints, what a version must pass
rules.py     alert rules with their limits
rule_sheet.py  a rule made or changed
rule_preview.py  what it would have done, what a forecast says now
rule_words.py  how rules read
notices.py   who is told of alerts: desktop, sound, quiet hours, webhook
keys.py      every action with its key; change, default, conflicts
facts.py     privacy and about
"""

from console.pages.settings.page import SettingsPage

__all__ = ["SettingsPage"]
