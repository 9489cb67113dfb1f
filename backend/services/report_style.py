"""How a report looks: the console's own colours for both themes, and a plain layout; all of it inline."""

import functools
import json

from backend.paths import PROJECT
from backend.services.report_chart import ROLES


@functools.cache
def style() -> str:
    """The console's own colours for both themes, and a plain layout."""
    tokens = json.loads((PROJECT / "resources" / "themes" / "tokens.json").read_text(encoding="utf-8"))
    light, dark = (_colours(tokens["themes"][name]) for name in ("light", "dark"))
    roles = "".join(
        f".line.{r}{{stroke:var(--{r})}}.dot.{r}{{fill:var(--{r})}}i.{r}{{background:var(--{r})}}" for r in ROLES
    )
    fonts = ", ".join(f'"{name}"' if " " in name else name for name in tokens["font"]["ui"])
    return f":root{{{light};--font:{fonts}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}{roles}{_LAYOUT}"


def _colours(theme: dict[str, dict[str, str]]) -> str:
    return ";".join(f"--{name}:{value}" for group in ("color", "series") for name, value in theme[group].items())


_LAYOUT = """
*{box-sizing:border-box}
body{margin:0;background:var(--canvas);color:var(--text);font:13px/18px var(--font);font-variant-numeric:tabular-nums}
main{max-width:1220px;margin:0 auto;padding:24px 20px 40px}
h1{font-size:22px;line-height:28px;margin:0 0 10px;overflow-wrap:anywhere}
h2{font-size:15px;line-height:20px;margin:28px 0 10px}h3{font-size:13px;margin:14px 0 6px}
.note{font-size:12px;font-weight:400;color:var(--text-tertiary);margin-left:8px}
header,section>.scroll,figure,article,.pair>.scroll{background:var(--panel);border:1px solid var(--line);
border-radius:8px}
header{padding:18px 20px}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(180px,1fr));gap:12px 20px;margin:0}
dt{font-size:12px;color:var(--text-tertiary)}dd{margin:0;font-weight:500;overflow-wrap:anywhere}
.pill{display:inline-block;font-size:12px;line-height:20px;font-weight:500;padding:0 10px;border-radius:10px;
vertical-align:3px;color:var(--accent);background:var(--accent-soft)}
.pill.ok{color:var(--ok);background:var(--ok-soft)}.pill.bad{color:var(--bad);background:var(--bad-soft)}
.pill.warn{color:var(--warn);background:var(--warn-soft)}.pill.idle{color:var(--idle);background:var(--idle-soft)}
.cause{color:var(--text-secondary)}.cause.bad{color:var(--bad)}.cause.warn{color:var(--warn)}
.said{white-space:pre-wrap;color:var(--text-secondary);overflow-wrap:anywhere}
article{padding:10px 14px;margin-bottom:8px;border-left:3px solid var(--idle)}
article h3{margin:0 0 2px}article p{margin:0;color:var(--text-secondary)}
article.warn{border-left-color:var(--warn)}article.bad{border-left-color:var(--bad)}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(480px,100%),1fr));gap:10px}
figure{margin:0;padding:10px 12px;break-inside:avoid}
figcaption{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:12px;overflow-wrap:anywhere}
figcaption span{color:var(--text-secondary)}figcaption b{color:var(--text);font-weight:600}
figcaption i{display:inline-block;width:10px;height:3px;border-radius:2px;margin-right:5px;vertical-align:3px}
svg{display:block;width:100%;height:auto;margin-top:4px}
svg text{font-size:11px;fill:var(--text-tertiary);font-family:var(--font)}
.grid{stroke:var(--chart-grid);stroke-width:1}.line{fill:none;stroke-width:1.5;stroke-linejoin:round}
.mark{stroke:var(--line-strong);stroke-width:1;stroke-dasharray:2 3;opacity:.6}
.mark.warning,.mark.alert{stroke:var(--warn);opacity:1}.odd{fill:none;stroke:var(--bad);stroke-width:1.5}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}table.fit{width:auto}
th,td{text-align:left;padding:6px 12px;border-top:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
tr:first-child>th,thead th{border-top:0}th{font-size:12px;font-weight:500;color:var(--text-secondary)}
th[scope=col]{white-space:nowrap}.n{text-align:right;white-space:nowrap}.n:first-child{width:1%}td:first-child{min-width:90px}
.heat{background:color-mix(in srgb,var(--accent) calc(var(--share)*.45),transparent)}
.pair{display:flex;flex-wrap:wrap;gap:10px;align-items:flex-start}
footer{margin-top:28px;font-size:12px;color:var(--text-tertiary)}
@media print{body{background:none}header,section{break-inside:auto}}
""".replace("\n", "")
