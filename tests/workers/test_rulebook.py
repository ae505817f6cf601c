"""The policy and the catalogue in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from routing.catalogue_parse import parse_catalogue
from workers.rulebook import load_rulebook, parse_rulebook, read
from workers.settings import ConfigurationError, load_settings


def texts() -> tuple[str, str]:
    return read(None, "policy.toml")[0], read(None, "catalogue.toml")[0]


def test_the_shipped_files_are_in_force_where_none_are_named() -> None:
    """They parse, and the texts kept are those of the files."""
    policy, catalogue = texts()
    found = load_rulebook(load_settings())
    assert (found.policy_text, found.catalogue_text) == (policy, catalogue)
    assert found.catalogue.resolve(found.policy.reference_model) is not None
    assert parse_rulebook(policy, catalogue, "a", "b") == found


def test_files_of_one_s_own_take_their_place(tmp_path: Path) -> None:
    """Each file is replaced by itself; a change of a comment makes another version."""
    policy, catalogue = texts()
    mine = tmp_path / "mine.toml"
    mine.write_text(policy + "\n# ours\n", encoding="utf-8")
    found = load_rulebook(load_settings(policy_file=mine))
    assert found.policy_text.endswith("# ours\n")
    assert found.catalogue_text == catalogue
    assert found.policy.version != load_rulebook(load_settings()).policy.version


def test_a_file_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    """A missing file, a folder and another encoding are one line each."""
    latin = tmp_path / "latin.toml"
    latin.write_bytes("title = 'Gr\xfc\xdfe'".encode("latin-1"))
    for file, says in [(tmp_path / "none.toml", "No such file"), (tmp_path, "directory"), (latin, "not UTF-8")]:
        with pytest.raises(ConfigurationError) as caught:
            load_rulebook(load_settings(policy_file=file))
        assert str(caught.value).startswith(f"{file}: ")
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)


def test_what_is_wrong_inside_is_told_with_the_file() -> None:
    """A fault of either file names it."""
    policy, catalogue = texts()
    with pytest.raises(ConfigurationError, match=r"mine\.toml"):
        parse_rulebook("title = ", catalogue, "mine.toml", "catalogue.toml")
    with pytest.raises(ConfigurationError, match=r"models\.toml"):
        parse_rulebook(policy, "[[model]]\n", "policy.toml", "models.toml")


def test_the_frontier_baseline_must_be_in_the_catalogue() -> None:
    """A reference model that the catalogue does not have is told with both files."""
    policy, catalogue = texts()
    named = load_rulebook(load_settings()).policy.reference_model
    with pytest.raises(ConfigurationError, match=r"p\.toml: reference_model: gone is not in the catalogue c\.toml"):
        parse_rulebook(policy.replace(f'"{named}"', '"gone"', 1), catalogue, "p.toml", "c.toml")
    assert parse_catalogue(catalogue, "c.toml").resolve("gone") is None
