"""The policy's file: what ships is sound, and whatever is wrong with a changed one is said with line and field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.policy import MAX_TEXT, ModelSource, PolicyError, parse_policy
from schemas.vocabulary import DataClass, Domain, Stakes, Tier
from tests.routing.asking import POLICY, POLICY_TEXT, changed_policy

LINES = POLICY_TEXT.splitlines()


def line_of(words: str) -> int:
    """The number of the one line of the shipped policy that holds these words."""
    (found,) = [number for number, line in enumerate(LINES, 1) if words in line]
    return found


def problems(*changes: tuple[str, str]) -> tuple[str, ...]:
    """What is wrong with the shipped policy after these changes."""
    with pytest.raises(PolicyError) as caught:
        changed_policy(*changes)
    assert str(caught.value).splitlines() == list(caught.value.problems)
    return caught.value.problems


def test_shipped_policy_is_sound_and_has_the_five_rows():
    """The founding table: frontier for high stakes, hybrid for medium, open for low, open for individuals."""
    assert POLICY.floors == {Stakes.HIGH: Tier.FRONTIER, Stakes.MEDIUM: Tier.HYBRID, Stakes.LOW: Tier.OPEN}
    uses = [rule.use_case for rule in POLICY.rules]
    for row in (
        "complex legal or financial reasoning",
        "healthcare inference and clinical support",
        "routine CRM tasks, templated e-mails",
        "general productivity of a mid-tier company",
        "individual builders on tight budgets",
    ):
        assert row in uses


def test_version_follows_the_text():
    """Another text is another version; the same text elsewhere is the same."""
    assert parse_policy(POLICY_TEXT, "elsewhere").version == POLICY.version
    assert parse_policy(POLICY_TEXT + "#", "policy.toml").version != POLICY.version
    assert len(POLICY.version) == 12


ONE_PROBLEM = [
    ('high = "frontier"', 'high = "hybrid"', "floors = {", "floors", "high stakes is frontier and cannot be lowered"),
    ('medium = "hybrid", low', 'medium = "open", low', "floors = {", "floors", "medium_floor"),
    (', low = "open" }', " }", "floors = {", "floors", "add a floor for low stakes"),
    ('low = "open" }', 'lo = "open" }', "floors = {", "floors.lo.[key]", "'low', 'medium' or 'high'"),
    ('id = "routine",  ', 'id = "hard-routine",', 'id = "routine"', "rules.9.id", "hard-routine is used twice"),
    ('id = "open-alone",  ', 'id = "Open Alone",', 'id = "open-alone"', "rules.6.id", "small letters"),
    (
        'profiles = ["individual"],  ',
        'profiles = ["nobody"],',
        'id = "individual-builder"',
        "rules.1.profiles",
        "nobody",
    ),
    ("min_complexity = 0.85", "min_complexity = 1.5", "min_complexity = 0.85", "rules.8.min_complexity", "less than"),
    (
        'domains = ["healthcare"]',
        'domains = ["medicine"]',
        'id = "clinical-support"',
        "rules.2.domains.1",
        "'healthcare'",
    ),
    (
        'tier = "frontier", stakes = ["high"],   ',
        'stakes = ["high"],',
        'id = "other-high',
        "rules.4.tier",
        "is missing",
    ),
    (
        'use_case = "healthcare',
        'colour = "red", use_case = "h',
        'id = "clinical-support"',
        "rules.2.colour",
        "not a field",
    ),
    (
        '{ name = "individual", ',
        '{ name = "solo", ',
        'id = "individual-builder"',
        "rules.1.profiles",
        "does not exist: individual",
    ),
    ('tenants = ["*"]', 'tenants = ["c*"]', 'name = "company"', "profiles.3.tenants", "must fit every tenant"),
    ('name = "company",  ', 'name = "individual",', 'name = "company"', "profiles.3.name", "used twice"),
    ('ceiling = "open"', 'ceiling = "cheap"', 'name = "individual"', "profiles.1.ceiling", "'open'"),
    ("checked = true", "checked = false", "checked = true", "stages.2.checked", "checked when a stage 2 follows"),
    (
        'at_least = "frontier", models',
        'at_least = "hybrid", models',
        'at_least = "frontier", m',
        "stages.4.at_least",
        "at least the tier frontier",
    ),
    (
        'tier = "open",     stage = 1',
        'tier = "open",     stage = 2',
        "stages = [",
        "stages",
        "open needs one row for stage 1",
    ),
    ("stage = 2", "stage = 3", "stage = 2, at", "stages.3.stage", "less than or equal to 2"),
    (
        'models = "closed" },\n]',
        'models = "best" },\n]',
        'at_least = "frontier", m',
        "stages.4.models",
        "open-or-chinese",
    ),
    ('{ class = "internal" },', "", "data = [", "data", "exactly one row for the class internal"),
    ('"NO", "JP"', '"norway", "JP"', 'class = "personal"', "data.3.hosts.7", "two capital letters"),
    ('"NO", "JP"', '"ZZ", "JP"', 'class = "personal"', "data.3.hosts", "not known"),
    ("max_attempts = 6", "max_attempts = 0", "max_attempts = 6", "retries.max_attempts", "greater than or equal to 1"),
    ("after_uncertain = true", "", "[retries]", "retries.after_uncertain", "is missing"),
    ('"0.10"', '"1.10"', "assumed_check_failures", "answers.assumed_check_failures", "less than or equal to 1"),
    (
        "may_lower = []",
        'may_lower = [\n{ tenant = "a", producer = "b", down_to = "low" } ]',
        "may_lower = []",
        "may_lower.1.approved_by",
        "is missing",
    ),
    ('title = "Founding policy"', 'colour = "red"\ntitle = "x"', 'title = "F', "colour", "not a field"),
    ('title = "Founding policy"', 'version = "1"', 'title = "F', "version", "computed"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "field", "says"), ONE_PROBLEM)
def test_problem_names_file_line_and_field(old, new, line, field, says):
    """One thing is changed for the worse; the one message leads to it."""
    (found,) = problems((old, new))
    number = line_of(line) + (new.startswith("may_lower"))
    assert found.startswith(f"changed.toml:{number}: {field}: ")
    assert says in found


def test_each_kind_of_tenant_needs_a_row_for_each_level():
    """A table that leaves low stakes of some complexity to nobody is refused, a line for each profile left out."""
    found = problems(('stakes = ["low"],                  ', 'stakes = ["low"], min_complexity = 0.1,'))
    line = line_of("rules = [")
    assert found == tuple(
        f"changed.toml:{line}: rules: no row fits every job of low stakes of profile {name}; add one without domains"
        for name in ("open-alone", "company")
    )


def test_everything_wrong_is_told_at_once():
    """Two rows and two faults between rows come out as one line each, with their own places."""
    short_row = ('stage = 1, at_least = "open",     models = "open-or-chinese" }', "stage = 1 }")
    assert len(problems(('ceiling = "open"', 'ceiling = "x"'), short_row)) == 3
    floors, company = line_of("floors = {"), line_of('name = "company"')
    unsound = problems(('high = "frontier"', 'high = "open"'), ('tenants = ["*"]', "tenants = []"))
    assert [problem.split(": ")[:2] for problem in unsound] == [
        [f"changed.toml:{floors}", "floors"],
        [f"changed.toml:{company}", "profiles.3.tenants"],
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('title = "x"\nrules = [\n', "policy.toml:3: not valid TOML: "),
        ('title = "x"\nrules = ]', "policy.toml:2: not valid TOML: Invalid value"),
        ("a = " + "[" * 20_000, "policy.toml: is nested too deeply; write flat rows"),
        ("#" * (MAX_TEXT + 1), "policy.toml: is longer than 1048576 characters"),
        ("rules = 3", "policy.toml:1: rules: Input should be a valid tuple"),
        ("", "policy.toml: title: is missing; add it"),
        ("when = 2026-13-01", "policy.toml"),
    ],
)
def test_text_that_is_no_policy_is_refused(text, says):
    """Broken TOML, endless nesting, endless length and nothing at all each get one clear line."""
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "policy.toml")
    assert any(problem.startswith(says) for problem in caught.value.problems)


def test_rows_as_tables_are_found_too():
    """Rows written as [[rules]] tables are named by the line they begin on."""
    start = POLICY_TEXT.index("rules = [")
    rest = POLICY_TEXT[POLICY_TEXT.index("]\n\n", start) + 1 :]
    rows = "".join(
        f'\n[[rules]]\nid = "{name}"\ntier = "{tier}"\nuse_case = "x"\n'
        for name, tier in (("all", "open"), ("more", "best"))
    )
    text = POLICY_TEXT[:start] + rest + rows
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "policy.toml")
    second = max(number for number, line in enumerate(text.splitlines(), 1) if line == "[[rules]]")
    assert caught.value.problems[0].startswith(f"policy.toml:{second}: rules.2.tier: ")


def test_values_are_not_repeated_in_messages():
    """A message says what was expected; what stood there, perhaps a secret in the wrong place, is not repeated."""
    assert "hunter2" not in "\n".join(problems(('ceiling = "open"', 'ceiling = "hunter2"')))


def test_rules_match_in_order():
    """The first row that fits decides, so a general row above a special one hides it."""
    general = '{ id = "everything", tier = "frontier", use_case = "all" },\n  { id = "individual-builder",'
    policy = changed_policy(('{ id = "individual-builder",', general))
    assert policy.rules[0].fits(profile="company", stakes=Stakes.LOW, domain=Domain.CODE, complexity=0.0)


def test_profiles_match_in_order():
    """The first profile with a pattern that fits the tenant is its own."""
    assert POLICY.profile_of("individual/ada").name == "individual"
    assert POLICY.profile_of("individual").name == "individual"
    assert POLICY.profile_of("individuals").name == "company"
    assert POLICY.profile_of("INDIVIDUAL/ada").name == "company"


def test_permission_to_lower_is_for_one_producer_of_one_tenant():
    """A row names tenant and producer exactly; no name is no permission."""
    row = '{ tenant = "acme", producer = "bot", down_to = "low", approved_by = "A. Risk" }'
    policy = changed_policy(("may_lower = []", f"may_lower = [{row}]"))
    assert policy.lowering("acme", "bot") is not None
    assert [policy.lowering(*who) for who in (("acme", "b"), ("acme", None), ("other", "bot"))] == [None] * 3


def test_stages_come_in_their_order():
    """However the rows stand, stage 1 is called first."""
    one = '{ tier = "hybrid",   stage = 1, at_least = "open",     models = "open-or-chinese", checked = true },'
    two = '{ tier = "hybrid",   stage = 2, at_least = "hybrid",   models = "closed" },'
    policy = changed_policy((one, "@"), (two, one), ("@", two))
    assert [stage.models for stage in policy.stages_of(Tier.HYBRID)] == [
        ModelSource.OPEN_OR_CHINESE,
        ModelSource.CLOSED,
    ]


def test_data_rules_of_the_shipped_policy():
    """Personal data goes to no Chinese host, secret data nowhere but one's own hardware."""
    assert "CN" not in (POLICY.data_rule(DataClass.PERSONAL).hosts or ())
    assert POLICY.data_rule(DataClass.SECRET).hosts == frozenset({"local"})
    assert POLICY.data_rule(DataClass.PUBLIC).hosts is None


@given(st.integers(0, len(POLICY_TEXT)), st.integers(0, 40), st.text(max_size=12))
def test_no_change_of_the_text_gives_anything_but_a_policy_or_an_error(at, cut, put):
    """Any slip of the hand ends in a policy that holds the high floor, or in a PolicyError with lines."""
    text = POLICY_TEXT[:at] + put + POLICY_TEXT[at + cut :]
    floors, told = [], []
    try:
        policy = parse_policy(text, "slip.toml")
        floors = [policy.floor(Stakes.HIGH, profile) for profile in policy.profiles]
    except PolicyError as error:
        told = list(error.problems)
    assert set(floors) == {Tier.FRONTIER} or (told and not floors)
    assert all(problem.startswith("slip.toml") for problem in told)
