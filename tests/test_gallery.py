"""The gallery: its scripts, its pictures, and the command that builds them."""

from __future__ import annotations

import html
from pathlib import Path

import pytest

from optviz.cli import gallery
from optviz.cli.gallery import build, entries_of
from optviz.render.metadata import shows
from optviz.studies.catalogue import LISTED
from optviz.studies.files import read_study

GALLERY = Path(__file__).parent.parent / "gallery"
SCRIPTS = sorted(GALLERY.glob("*.py"))


def test_there_are_enough_and_they_are_small() -> None:
    assert len(SCRIPTS) >= 16
    assert sum(path.stat().st_size for path in GALLERY.iterdir()) < 15 * 2**20


ENTRIES = entries_of(GALLERY, GALLERY)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_each_script_is_short_and_has_its_picture(entry: gallery.Entry) -> None:
    assert len(entry.text.splitlines()) <= 25
    assert entry.picture is not None
    assert entry.caption.endswith(".")
    # The picture says which study made it, and that is the one that the script names.
    study = read_study(entry.picture)
    assert study.command().startswith(f"optviz {study.name}")
    chapter = f"{LISTED[study.name].chapter.replace(' ', '-')}.md"
    found = shows(entry.picture)
    for page in ("README.md", chapter, "index.html"):
        text = (GALLERY / page).read_text()
        assert f'src="{entry.picture.name}"' in text
        assert page == "README.md" or entry.text.strip() in html.unescape(text)
        assert entry.caption in html.unescape(text)
        assert page == "README.md" or html.escape(found) in text


def test_every_study_is_in_the_gallery() -> None:
    shown = {read_study(entry.picture).name for entry in ENTRIES if entry.picture}
    assert shown == set(LISTED)


def test_pictures_of_the_course_say_what_was_found() -> None:
    """In words, for those who do not see them; pictures without a finding have none to tell."""
    course = {one.chapter for one in LISTED.values()} - {"paths on a function", "many runs at once"}
    for entry in ENTRIES:
        assert entry.picture is not None
        name = read_study(entry.picture).name
        if LISTED[name].chapter in course and entry.picture.suffix == ".png":
            assert len(shows(entry.picture)) > 15, entry.name


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(gallery, "LISTED", {})  # the studies' own entries take their time
    folder = tmp_path / "scripts"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.py").write_text(
            f'"""Picture {name}."""\nimport optviz as ov\n'
            f'ov.save(ov.plot([], on="bowl", size=(320, 240)), "{name}.png", dpi=50)\n'
        )
    return folder


@pytest.mark.slow
def test_builds_what_has_changed(scripts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert {p.name for p in build(scripts, out)} == {"one.png", "two.png"}
    assert build(scripts, out) == []
    (scripts / "two.py").write_text((scripts / "two.py").read_text().replace("bowl", "beale"))
    assert [p.name for p in build(scripts, out)] == ["two.png"]
    (out / "one.png").unlink()
    assert [p.name for p in build(scripts, out)] == ["one.png"]
    assert [p.name for p in build(scripts, out, only=["two"])] == ["two.png"]
    assert "Picture one." in (out / "plot.md").read_text()
    assert {p.name for p in out.iterdir()} == {
        "one.png", "two.png", "built.json", "README.md", "index.html", "plot.md",
    }  # fmt: skip


@pytest.mark.slow
def test_a_script_that_fails_is_named_and_the_old_picture_stays(scripts, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(scripts, out)
    before = (out / "one.png").read_bytes()
    (scripts / "one.py").write_text('"""Broken."""\nraise ValueError("no such thing")\n')
    with pytest.raises(ValueError, match=r"one.py failed: ValueError: no such thing"):
        build(scripts, out)
    assert (out / "one.png").read_bytes() == before
    (scripts / "one.py").write_text('"""Nothing."""\n')
    with pytest.raises(ValueError, match="wrote no picture"):
        build(scripts, out)


def test_bad_calls(run, scripts: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no picture is called 'on' \(did you mean 'one'"):
        build(scripts, tmp_path, only=["on"])
    done = run("gallery", "--from", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert "holds no scripts" in done.stderr


@pytest.mark.slow
def test_a_change_of_the_sources_builds_anew(scripts: Path, tmp_path: Path, monkeypatch) -> None:
    out = tmp_path / "out"
    build(scripts, out)
    assert build(scripts, out) == []
    monkeypatch.setattr(gallery, "sources", lambda: "another optviz")
    assert {p.name for p in build(scripts, out)} == {"one.png", "two.png"}


@pytest.mark.slow
def test_a_study_that_no_script_draws_has_an_entry(
    scripts: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(gallery, "LISTED", {"activations": LISTED["activations"]})
    out = tmp_path / "out"
    assert {p.name for p in build(scripts, out)} == {"one.png", "two.png", "activations.png"}
    page = (out / "activations-and-depth.md").read_text()
    assert LISTED["activations"].summary in page
