from __future__ import annotations

import contextlib
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.audio import ms_to_samples
from common.errors import BadSilenceSchedule
from common.events import ScheduleStep
from common.silence import (
    MAX_AGE_MS,
    MAX_SILENCE_MS,
    MAX_STEPS,
    MIN_SILENCE_MS,
    NAMED_STEPS,
    OFFLINE_STEPS,
    STREAMING_STEPS,
    SilenceSchedule,
    parse_schedule,
)

THREE_STEPS: Final = (ScheduleStep(5_000, 1_500), ScheduleStep(20_000, 800), ScheduleStep(None, 300))


def schedules() -> st.SearchStrategy[tuple[ScheduleStep, ...]]:
    ages = st.lists(st.integers(1, MAX_AGE_MS), max_size=MAX_STEPS - 1, unique=True).map(sorted)
    silences = st.lists(st.integers(MIN_SILENCE_MS, MAX_SILENCE_MS), min_size=MAX_STEPS, max_size=MAX_STEPS)
    return st.tuples(ages, silences).map(
        lambda drawn: tuple(
            ScheduleStep(age, silence) for age, silence in zip([*drawn[0], None], drawn[1], strict=False)
        )
    )


@pytest.mark.parametrize(
    ("age_ms", "required_ms"),
    [
        (0, 2_000),
        (5_000, 2_000),
        (5_001, 1_500),
        (10_000, 1_500),
        (10_001, 1_000),
        (15_000, 1_000),
        (15_001, 800),
        (30_000, 800),
        (30_001, 400),
        (45_000, 400),
        (45_001, 100),
        (120_000, 100),
    ],
)
def test_streaming_table_asks_for_less_silence_the_older_the_segment(age_ms: int, required_ms: int) -> None:
    schedule = SilenceSchedule(STREAMING_STEPS)
    assert schedule.required_samples(ms_to_samples(age_ms)) == ms_to_samples(required_ms)


@pytest.mark.parametrize(
    ("age_ms", "required_ms"),
    [
        (10_000, 2_000),
        (10_001, 1_000),
        (20_001, 800),
        (30_001, 600),
        (45_001, 400),
        (50_001, 200),
        (60_000, 200),
        (60_001, 100),
    ],
)
def test_offline_table_lets_segments_grow_to_a_minute(age_ms: int, required_ms: int) -> None:
    schedule = SilenceSchedule(OFFLINE_STEPS)
    assert schedule.required_samples(ms_to_samples(age_ms)) == ms_to_samples(required_ms)


def test_an_age_bound_belongs_to_its_own_row_to_the_sample() -> None:
    schedule = SilenceSchedule(THREE_STEPS)
    bound = ms_to_samples(5_000)
    assert schedule.required_samples(bound) == ms_to_samples(1_500)
    assert schedule.required_samples(bound + 1) == ms_to_samples(800)


def test_a_schedule_without_an_unbounded_row_is_a_fault_of_ours() -> None:
    with pytest.raises(AssertionError):
        SilenceSchedule(()).required_samples(0)


@pytest.mark.parametrize("name", NAMED_STEPS)
def test_named_tables_are_known_by_name_in_any_case(name: str) -> None:
    assert parse_schedule(f" {name.upper()} ") == NAMED_STEPS[name]


@pytest.mark.parametrize(
    "text",
    [
        "5000:1500,20000:800,inf:300",
        " 5000 : 1500 , 20000:800 , INF:300 ",
        "[[5000,1500],[20000,800],[null,300]]",
        '[[5000,1500],[20000,800],["inf",300]]',
    ],
)
def test_pairs_and_json_say_the_same(text: str) -> None:
    assert parse_schedule(text) == THREE_STEPS


@given(schedules())
def test_every_valid_schedule_can_be_written_as_pairs_and_read_back(steps: tuple[ScheduleStep, ...]) -> None:
    text = ",".join(f"{step.max_age_ms or 'inf'}:{step.silence_ms}" for step in steps)
    assert parse_schedule(text) == steps


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "slow",
        "inf",
        "[",
        "[]",
        "[1]",
        "[[1,2,3]]",
        "[" * 10_000,
        "5000:300",
        "5000:300,4000:300,inf:300",
        "5000:300,5000:400,inf:300",
        "inf:300,inf:300",
        "0:300,inf:300",
        "-5:300,inf:300",
        "-inf:300",
        "nan:300",
        "inf:nan",
        "inf:300.5",
        f"inf:{MIN_SILENCE_MS - 1}",
        f"inf:{MAX_SILENCE_MS + 1}",
        ",".join(f"{age}:300" for age in range(1, MAX_STEPS + 1)) + ",inf:300",
    ],
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(BadSilenceSchedule):
        parse_schedule(text)


def test_ages_too_large_for_the_link_are_refused() -> None:
    assert parse_schedule(f"{MAX_AGE_MS}:300,inf:300")[0].max_age_ms == MAX_AGE_MS
    with pytest.raises(BadSilenceSchedule, match="ages of at most"):
        parse_schedule("1e300:300,inf:300")


@given(st.text() | st.text(alphabet='0123456789:,.-+einfa[]" {}nul', max_size=40))
def test_any_text_is_a_schedule_or_refused(text: str) -> None:
    with contextlib.suppress(BadSilenceSchedule):
        assert parse_schedule(text)[-1].max_age_ms is None


@given(schedules(), st.integers(0, 10**9))
def test_required_silence_is_that_of_the_first_row_that_reaches_the_age(
    steps: tuple[ScheduleStep, ...], age: int
) -> None:
    required = SilenceSchedule(steps).required_samples(age)
    reaching = [step for step in steps if step.max_age_ms is None or age <= ms_to_samples(step.max_age_ms)]
    assert required == ms_to_samples(reaching[0].silence_ms)
