"""Export of points and reports: one file a run, told once at the end."""

from pathlib import Path

from pytestqt.qtbot import QtBot

from backend.contract.resources import RunRecord
from console.sheets import ExportSheet
from console.sheets.exporting import KINDS, file_name
from tests.console.pages.conftest import Desk


def run(number: int, name: str = "movie") -> RunRecord:
    return RunRecord(id=f"r{number}", name=name, recipe="selftest", state="completed")


def test_one_run_goes_into_the_file_that_was_chosen(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    for kind, (_, ending, _) in KINDS.items():
        sheet = ExportSheet(desk.context, [run(1)])
        qtbot.addWidget(sheet)
        sheet.export_to(tmp_path / f"x.{ending}", kind)
        path, query = (
            ("/runs/r1/report", {"language": "en"}) if kind == "report" else ("/runs/r1/export", {"format": kind})
        )
        asked = desk.link.last("DOWNLOAD", path)
        assert (asked.body, asked.query) == (tmp_path / f"x.{ending}", query)
        asked.succeed({"path": "x", "size_bytes": 5})
        assert desk.toasts[-1] == ("ok", f"Exported x.{ending}", str(tmp_path))


def test_several_runs_go_into_a_folder_one_after_another(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    sheet = ExportSheet(desk.context, [run(1), run(2)])
    qtbot.addWidget(sheet)
    sheet.export_to(tmp_path, "csv")
    first = desk.link.last("DOWNLOAD", "/runs/r1/export")
    assert first.body == tmp_path / "movie-r1.csv"
    assert not [asked for asked in desk.link.asked if asked.path == "/runs/r2/export"]
    first.succeed()
    desk.link.last("DOWNLOAD", "/runs/r2/export").succeed()
    assert desk.toasts[-1] == ("ok", "Exported 2 files", str(tmp_path))


def test_the_first_refusal_stops_and_is_told(desk: Desk, qtbot: QtBot, tmp_path: Path) -> None:
    sheet = ExportSheet(desk.context, [run(1), run(2)])
    qtbot.addWidget(sheet)
    sheet.export_to(tmp_path, "csv")
    desk.link.last("DOWNLOAD", "/runs/r1/export").refuse("No room.", "Choose another folder.")
    assert desk.toasts == [("bad", "The export stopped", "No room. Choose another folder.")]
    assert not [asked for asked in desk.link.asked if asked.path == "/runs/r2/export"]


def test_a_name_becomes_a_name_of_a_file() -> None:
    assert file_name(run(1, "../../a b/<c>")) == "a-b-c"
    assert file_name(run(1, "...")) == "r1"
    assert len(file_name(run(1, "n" * 10_000))) == 80
