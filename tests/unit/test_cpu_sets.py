"""Masks and lists of processors as the kernel writes them, and the dealing out of queues."""

import random

import pytest

from tsagent.changes.cpu_sets import flat, listed, mask, one_each, parse_mask, shares
from tsagent.facts.reading import cpu_list


@pytest.mark.parametrize(
    "cpus, text",
    [
        ([], "0"),
        ([0], "1"),
        (range(8), "ff"),
        (range(32), "ffffffff"),
        ([32], "1,00000000"),
        ([0, 1, 33], "2,00000003"),
        (range(96), "ffffffff,ffffffff,ffffffff"),
        ([95], "80000000,00000000,00000000"),
        ([64, 100], "10,00000001,00000000,00000000"),
        ([0, 511], "80000000," + "00000000," * 14 + "00000001"),
    ],
)
def test_masks_have_a_comma_every_32_processors(cpus, text):
    assert mask(cpus) == text
    assert parse_mask(text) == frozenset(cpus)


def test_masks_are_read_as_kernels_write_them():
    assert parse_mask("00000000,00000000,0000000f\n") == {0, 1, 2, 3}  # as wide as NR_CPUS
    assert parse_mask("00ff") == set(range(8))
    for wrong in ("", "x", "0x3", "1,,2", "123456789", "-1", "(null)"):
        assert parse_mask(wrong) is None, wrong


def test_any_set_comes_back_from_its_mask_and_list():
    for seed in range(50):
        chance = random.Random(seed)
        cpus = {chance.randrange(8192) for _ in range(chance.randrange(1, 200))}
        assert parse_mask(mask(cpus)) == cpus
        assert set(cpu_list(listed(cpus))) == cpus


def test_lists():
    assert listed([3, 2, 1, 8, 10, 11]) == "1-3,8,10-11"
    assert listed([]) == ""


THREADS = [[core, core + 4] for core in range(4)]


@pytest.mark.parametrize(
    "count, turn, expected",
    [
        (1, 0, [0]),
        (1, 1, [1]),
        (1, 5, [1]),
        (2, 0, [0, 2]),
        (2, 1, [1, 3]),
        (3, 0, [0, 1, 2]),
        (4, 0, [0, 1, 2, 3]),
        (6, 0, [0, 1, 2, 3, 4, 5]),
        (6, 1, [6, 7, 0, 1, 2, 3]),
        (10, 0, [0, 1, 2, 3, 4, 5, 6, 7, 0, 1]),
        (0, 0, []),
    ],
)
def test_each_queue_has_a_core_of_its_own_before_a_core_has_two(count, turn, expected):
    assert one_each(THREADS, count, turn) == expected


def test_cards_of_one_queue_each_have_other_processors():
    assert len({one_each([[cpu] for cpu in range(48)], 1, turn)[0] for turn in range(8)}) == 8


@pytest.mark.parametrize("count", range(1, 13))
def test_shares_have_every_processor_once_and_no_queue_is_empty(count):
    parts = shares(THREADS, count)
    assert len(parts) == count
    assert all(parts)
    if count <= 8:
        assert sorted(flat(parts)) == list(range(8))
        assert max(map(len, parts)) - min(map(len, parts)) <= 2
    if count <= 4:
        assert all(len({cpu % 4 for cpu in part}) * 2 == len(part) for part in parts)  # cores stay whole


def test_nothing_is_dealt_out_of_no_processors():
    assert one_each([], 4) == []
    assert shares([], 2) == []
