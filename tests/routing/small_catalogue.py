"""A small catalogue in words of its own: what the tests of the decision choose from, as the text of a file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from routing.catalogue import Catalogue
from routing.catalogue_parse import parse_catalogue

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """One model served at one endpoint with one price card; prices in USD per million tokens."""

    id: str
    model: str
    tier: str
    weights: str
    country: str
    host: str
    input: str
    output: str
    cached: str = ""
    features: tuple[str, ...] = ("json_schema", "tools")
    context: int = 200_000
    max_output: int = 32_000
    approved: bool = True

    def text(self, *, with_model: bool) -> str:
        """The entries of this place as TOML."""
        address = 'base_url_env = "LOCAL_URL"' if self.host == "local" else 'base_url = "https://api.example/v1"\n'
        key = "" if self.host == "local" else 'api_key_env = "SOME_KEY"'
        model = f"""
[[model]]
id = "{self.model}"
developer = "Somebody"
developer_country = "{self.country}"
weights = "{self.weights}"
licence = "of its own"
tier = "{self.tier}"
context_tokens = 1_000_000
max_output_tokens = 100_000
features = [{", ".join(f'"{feature}"' for feature in self.features)}]
aliases = ["{self.model}-latest"]
source = "made for tests"
"""
        endpoint = f"""
[[endpoint]]
id = "{self.id}"
model = "{self.model}"
provider = "{self.id.partition("/")[0]}"
protocol = "openai"
{address}
{key}
remote_model = "{self.model}"
host_country = "{self.host}"
context_tokens = {self.context}
max_output_tokens = {self.max_output}
limits = {{ rpm = 100, tpm = 100_000, concurrency = 10 }}
source = "made for tests"

[[card]]
id = "{self.id}@2026"
endpoint = "{self.id}"
valid_from = 2026-01-01
recorded_on = 2026-01-01
{'approved_by = "the tests"' if self.approved else ""}
source = "made for tests"
input = "{self.input}"
output = "{self.output}"
{f'cached_read = "{self.cached}"' if self.cached else ""}
"""
        return (model if with_model else "") + endpoint


OPEN_US = Place("us/llama", "llama", "open", "open", "US", "US", "0.20", "0.60")
OPEN_CN = Place("cn/deepseek", "deepseek", "open", "open", "CN", "CN", "0.10", "0.30", cached="0.01")
OPEN_CN_IN_US = Place("us/deepseek", "deepseek", "open", "open", "CN", "US", "0.30", "0.90")
OPEN_ANYWHERE = Place("zz/mistral", "mistral", "open", "open", "FR", "ZZ", "0.15", "0.40")
OPEN_LOCAL = Place("local/llama", "llama", "open", "open", "US", "local", "0.50", "0.50", context=8_192)
CLOSED_CN = Place("cn/qwen-max", "qwen-max", "open", "closed", "CN", "CN", "0.40", "1.20")
SMALL = Place("us/mini", "mini", "hybrid", "closed", "US", "US", "0.50", "4.00", cached="0.05")
FRONTIER_US = Place(
    "us/opus", "opus", "frontier", "closed", "US", "US", "5.00", "25.00", cached="0.50",
    features=("json_schema", "tools", "vision"),
)  # fmt: skip
FRONTIER_ANYWHERE = replace(FRONTIER_US, id="zz/opus", host="ZZ", input="4.00", output="20.00", cached="0.40")

PLACES = (
    OPEN_US, OPEN_CN, OPEN_CN_IN_US, OPEN_ANYWHERE, OPEN_LOCAL, CLOSED_CN, SMALL, FRONTIER_US, FRONTIER_ANYWHERE,
)  # fmt: skip


def catalogue_text(places: Iterable[Place] = PLACES) -> str:
    """The text of a catalogue with these places, in this order; a model is written where it first appears."""
    written: set[str] = set()
    parts: list[str] = []
    for place in places:
        parts.append(place.text(with_model=place.model not in written))
        written.add(place.model)
    return "".join(parts)


def small_catalogue(places: Iterable[Place] = PLACES) -> Catalogue:
    """These places as a catalogue."""
    return parse_catalogue(catalogue_text(places), "small.toml")
