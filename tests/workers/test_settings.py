"""Configuration: where values come from, which one wins, and what is said of a wrong one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workers.settings import PREFIX, ConfigurationError, LogFormat, Settings, load_settings, provider_environment

SECRET = "hunter2"  # noqa: S105 - nobody's


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder and no setting in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    return tmp_path


def test_every_setting_has_a_default_and_a_meaning() -> None:
    """Nothing has to be set, and each setting is described."""
    assert load_settings().chunk_jobs == Settings.model_fields["chunk_jobs"].default
    assert all(field.description for field in Settings.model_fields.values())


def test_the_sources_in_their_order(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given in code wins over the environment, that over .env, that over the file, that over the default."""
    (bare / "pointsman.toml").write_text("chunk_jobs = 11\nworker_threads = 12\nlease_s = 13\ngrace_s = 14\n")
    (bare / ".env").write_text("POINTSMAN_CHUNK_JOBS=21\nPOINTSMAN_WORKER_THREADS=22\nPOINTSMAN_LEASE_S=23\n")
    monkeypatch.setenv("POINTSMAN_CHUNK_JOBS", "31")
    monkeypatch.setenv("POINTSMAN_WORKER_THREADS", "32")
    found = load_settings(chunk_jobs=41)
    assert (found.chunk_jobs, found.worker_threads, found.lease_s, found.grace_s, found.hold_days) == (
        41,
        32,
        23,
        14,
        7,
    )


def test_what_is_not_given_hides_nothing(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None from a command line and an empty variable leave a file's value as it is."""
    (bare / "pointsman.toml").write_text('chunk_jobs = 11\nlog_format = "json"\n')
    monkeypatch.setenv("POINTSMAN_CHUNK_JOBS", "")
    found = load_settings(chunk_jobs=None, log_format=None)
    assert (found.chunk_jobs, found.log_format) == (11, LogFormat.JSON)


def test_the_file_may_be_elsewhere(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """POINTSMAN_CONFIG_FILE names another file, which then has to exist."""
    (bare / "pointsman.toml").write_text("chunk_jobs = 11\n")
    (bare / "other.toml").write_text("chunk_jobs = 12\n")
    monkeypatch.setenv("POINTSMAN_CONFIG_FILE", "other.toml")
    assert load_settings().chunk_jobs == 12
    monkeypatch.setenv("POINTSMAN_CONFIG_FILE", "none.toml")
    with pytest.raises(ConfigurationError, match=r"CONFIG_FILE: there is no file none\.toml"):
        load_settings()


def test_a_misspelt_setting_is_told_wherever_it_stands(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that is silently ignored would be a wrong setting."""
    (bare / "pointsman.toml").write_text("chunk_job = 11\n")
    with pytest.raises(ConfigurationError, match=r"pointsman\.toml: chunk_job: there is no such setting"):
        load_settings()
    (bare / ".env").write_text("POINTSMAN_CHUNKJOBS=11\nOTHER=1\n")
    with pytest.raises(ConfigurationError, match=r"\.env: POINTSMAN_CHUNKJOBS: there is no such setting"):
        load_settings()
    monkeypatch.setenv("POINTSMAN_CHUNKS", "11")
    with pytest.raises(ConfigurationError, match=r"^POINTSMAN_CHUNKS: there is no such setting"):
        load_settings()


def test_where_the_file_is_can_not_be_said_in_dotenv(bare: Path) -> None:
    """It would not be read from there, so it is told."""
    (bare / ".env").write_text("POINTSMAN_CONFIG_FILE=other.toml\n")
    with pytest.raises(ConfigurationError, match=r"\.env: POINTSMAN_CONFIG_FILE"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CHUNK_JOBS", "many", "integer"),
        ("CHUNK_JOBS", "0", "greater than or equal to 1"),
        ("LIMITS_LOCAL_SHARE", "1.5", "less than or equal to 1"),
        ("LOG_LEVEL", "LOUD", "DEBUG"),
        ("LOG_FORMAT", "xml", "'json'"),
        ("BROKER_URL", f"http://:{SECRET}@h", "must begin with one of redis://"),
        ("DATABASE_URL", f"mysql://u:{SECRET}@h/d", "PostgreSQL"),
        ("DATABASE_URL", f"postgresql://u@h:{SECRET}/d", "looks like postgresql://"),
        ("STANDIN_URL", "127.0.0.1:9", "must begin with http://"),
    ],
)
def test_a_wrong_value_is_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    """The line names the setting and what it may be, and holds no secret."""
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    line = str(caught.value)
    assert line.startswith(f"{PREFIX}{name}: ")
    assert says in line
    assert "\n" not in line
    assert SECRET not in line
    assert caught.value.__suppress_context__


def test_wrong_values_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wrong value has its line."""
    monkeypatch.setenv("POINTSMAN_CHUNK_JOBS", "0")
    monkeypatch.setenv("POINTSMAN_LEASE_S", "x")
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "POINTSMAN_CHUNK_JOBS",
        "POINTSMAN_LEASE_S",
    ]


@pytest.mark.parametrize(
    ("name", "content"),
    [("pointsman.toml", b"chunk_jobs = "), ("pointsman.toml", b"\xff\xfe"), (".env", b"A=\xff\xfe")],
)
def test_a_file_that_can_not_be_read_is_named(bare: Path, name: str, content: bytes) -> None:
    """Neither broken TOML nor another encoding gives a traceback."""
    (bare / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=name):
        load_settings()


def test_secrets_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither repr nor text nor JSON of the settings shows what the URLs hold."""
    monkeypatch.setenv("POINTSMAN_DATABASE_URL", f"postgresql://u:{SECRET}@h/d")
    monkeypatch.setenv("POINTSMAN_BROKER_URL", f"redis://:{SECRET}@h")
    found = load_settings()
    assert found.database_url is not None
    assert SECRET in found.database_url.get_secret_value()
    assert SECRET not in repr(found) + str(found) + found.model_dump_json()


def test_settings_do_not_change() -> None:
    """They are read once and handed down."""
    with pytest.raises(ValueError, match="frozen"):
        load_settings().chunk_jobs = 3


def test_line_limits_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a batch may hold is what was set."""
    monkeypatch.setenv("POINTSMAN_MAX_LINE_BYTES", "2048")
    monkeypatch.setenv("POINTSMAN_MAX_BATCH_LINES", "7")
    limits = load_settings().line_limits
    assert (limits.max_line_bytes, limits.max_lines) == (2048, 7)


def test_keys_come_from_the_environment_over_dotenv(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable is no key, and doesn't hide the one in the file."""
    (bare / ".env").write_text("A_KEY=file\nB_KEY=file\nC_KEY=\n")
    monkeypatch.setenv("A_KEY", "environment")
    monkeypatch.setenv("B_KEY", "")
    found = provider_environment()
    assert (found["A_KEY"], found["B_KEY"], "C_KEY" in found) == ("environment", "file", False)
