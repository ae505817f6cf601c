"""Remembering custom_ids in little memory."""

from __future__ import annotations

import tracemalloc

from schemas.seen import SeenIds


def test_an_id_is_new_once_and_then_names_its_first_line():
    """Also after the table has grown several times."""
    seen = SeenIds()
    assert all(seen.first_line(f"id-{i}", i + 1) is None for i in range(20_000))
    assert all(seen.first_line(f"id-{i}", 99_999) == i + 1 for i in range(20_000))


def test_memory_per_id_is_bounded_whatever_the_ids_are():
    """Long ids cost no more than short ones: below 128 bytes each at the worst moment, growth included."""
    tracemalloc.start()
    try:
        seen = SeenIds()
        for i in range(20_000):
            seen.first_line(f"{i:0>256}", i + 1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000 * 128
