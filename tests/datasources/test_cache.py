"""The bounded cache: what stays, what goes, and that neither count nor size is ever exceeded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasources.cache import Cache, Figures


def filled(cache: Cache[str, str], *keys: str) -> list[str]:
    """Asks for each key, putting those that are not there; the keys that were there."""
    found = []
    for key in keys:
        if cache.get(key) is None:
            cache.put(key, key.upper(), 1)
        else:
            found.append(key)
    return found


def test_a_flood_drives_out_only_what_is_used_once() -> None:
    cache: Cache[str, str] = Cache(10, 100)
    assert filled(cache, "a", "b", "c", "a", "b") == ["a", "b"]
    for number in range(50_000):
        assert filled(cache, str(number)) == []
    assert filled(cache, "a", "b", "c") == ["a", "b"]
    assert cache.figures == Figures(hits=4, misses=50_004, evictions=49_994, entries=10, bytes=10)


def test_what_comes_back_is_protected_at_once() -> None:
    cache: Cache[str, str] = Cache(10, 100)
    filled(cache, "a", *"0123456789", "a", *"klmnopqrst")
    assert cache.get("a") == "A"


def test_a_working_set_takes_the_place_of_another() -> None:
    cache: Cache[str, str] = Cache(100, 1000)
    for keys in ([f"old{n}" for n in range(80)], [f"new{n}" for n in range(80)]):
        for _ in range(3):
            filled(cache, *keys)
        assert filled(cache, *keys) == keys


def test_a_working_set_that_fits_is_kept_from_its_first_use_on() -> None:
    cache: Cache[str, str] = Cache(100, 1000)
    keys = [str(number) for number in range(100)]
    filled(cache, *keys)
    assert filled(cache, *keys) == keys


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_smallest_caches_keep_what_is_used_again(limit: int) -> None:
    cache: Cache[str, str] = Cache(limit, 100)
    filled(cache, "a", "a", *"bcdefg")
    assert cache.get("a") == "A"


def test_a_large_entry_is_not_kept_and_one_that_grows_large_goes() -> None:
    cache: Cache[str, str] = Cache(10, 80)
    cache.put("a", "A", 11)
    cache.put("b", "B", 10)
    cache.put("c", "C", 1)
    assert [cache.get(key) for key in "abc"] == [None, "B", "C"]
    cache.grow("b", 1)
    cache.grow("gone", 1)
    assert [cache.get(key) for key in "abc"] == [None, None, "C"]
    assert cache.figures == Figures(hits=3, misses=3, evictions=1, entries=1, bytes=1)


def test_entries_that_grow_drive_others_out() -> None:
    cache: Cache[str, str] = Cache(100, 80)
    keys = [str(number) for number in range(20)]
    filled(cache, *keys)
    for key in keys:
        cache.grow(key, 7)
    assert cache.figures.bytes <= 80
    assert filled(cache, *keys)[-1] == "19"


def test_cleared() -> None:
    cache: Cache[str, str] = Cache(10, 100)
    filled(cache, "a", "a", "b")
    cache.clear()
    assert (cache.get("a"), cache.figures.entries, cache.figures.bytes) == (None, 0, 0)


ACTIONS = st.tuples(st.sampled_from(["get", "put", "grow"]), st.integers(0, 12), st.integers(0, 12))


@given(st.integers(1, 8), st.integers(1, 60), st.lists(ACTIONS, max_size=200))
def test_is_never_larger_than_it_may_be(limit: int, size: int, actions: list[tuple[str, int, int]]) -> None:
    cache: Cache[int, int] = Cache(limit, size)
    sizes: dict[int, int] = {}
    for action, key, amount in actions:
        if action == "get":
            assert cache.get(key) in (None, key + 1)
            continue
        known = cache.get(key) is not None
        if action == "put":
            cache.put(key, key + 1, amount)
            sizes[key] = sizes[key] if known else amount
        elif known:
            cache.grow(key, amount)
            sizes[key] += amount
        kept = [key for key in range(13) if cache.get(key) is not None]
        assert cache.figures.entries == len(kept) <= limit
        assert cache.figures.bytes == sum(sizes[key] for key in kept) <= size
