"""The feature cache: never wrong, never in the way, never larger than allowed."""

import logging
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from esm2amp_core.embed.cache import FeatureCache, _make_table


def features(seed: int, width: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(13, width)).astype(np.float32)


def many(start: int, stop: int, width: int = 16) -> dict[str, np.ndarray]:
    return {f"key{i}": features(i, width) for i in range(start, stop)}


def disk_bytes(cache: FeatureCache) -> int:
    return sum(path.stat().st_size for path in cache.path.parent.glob(cache.path.name + "*"))


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "features.sqlite", 10)


def test_what_was_put_comes_back_bit_by_bit(cache):
    values = many(0, 1200)
    values["key0"][0, :4] = np.float32([0.0, -0.0, 1e-45, 3.4e38])
    cache.put(values)
    found = FeatureCache(cache.path, 10).get(values)
    assert found.keys() == values.keys()
    for key, value in values.items():
        assert found[key].dtype == np.float32
        assert found[key].tobytes() == value.tobytes()


def test_what_comes_back_may_be_changed_without_changing_the_cache(cache):
    cache.put(many(0, 1))
    cache.get(["key0"])["key0"][:] = 0
    assert_array_equal(cache.get(["key0"])["key0"], features(0))


def test_unknown_keys_and_an_absent_file_give_nothing(cache):
    assert cache.get(["key0"]) == {}
    assert not cache.path.exists()
    cache.put(many(0, 1))
    assert cache.get(["other", "key0", "key0"]).keys() == {"key0"}
    assert cache.get([]) == {}


def test_a_key_put_again_holds_the_newer_value(cache):
    cache.put({"key": features(1)})
    cache.put({"key": features(2, width=8)})
    assert_array_equal(cache.get(["key"])["key"], features(2, width=8))


def test_the_disk_stays_within_the_limit_and_the_newest_stay(tmp_path):
    cache = FeatureCache(tmp_path / "features.sqlite", 2)
    largest = 0
    for start in range(0, 1200, 40):  # 8 MB in all
        cache.put(many(start, start + 40, width=128))
        largest = max(largest, disk_bytes(cache))
    assert largest <= 2_000_000
    kept = cache.get(many(0, 1200, width=1))
    assert list(kept) == [f"key{i}" for i in range(1200 - len(kept), 1200)]
    assert len(kept) > 150  # more than half of the room is used


def test_one_large_put_is_bounded_too(tmp_path):
    cache = FeatureCache(tmp_path / "features.sqlite", 1)
    cache.put(many(0, 1000, width=128))
    assert disk_bytes(cache) <= 1_000_000
    assert "key999" in cache.get(["key999"])


def test_the_disk_stays_within_the_limit_while_another_process_reads(tmp_path):
    cache = FeatureCache(tmp_path / "features.sqlite", 2)
    cache.put(many(0, 10))
    reader = sqlite3.connect(cache.path)  # keeps the write-ahead log from being removed
    largest = 0
    for start in range(0, 600, 20):
        cache.put(many(start, start + 20, width=128))
        reader.execute("SELECT COUNT(*) FROM features").fetchone()
        largest = max(largest, disk_bytes(cache))
    reader.close()
    assert largest <= 2_000_000


def test_a_lowered_limit_gives_the_disk_back(tmp_path):
    cache = FeatureCache(tmp_path / "features.sqlite", 10)
    cache.put(many(0, 1000, width=128))
    assert disk_bytes(cache) > 5_000_000
    smaller = FeatureCache(cache.path, 1)
    smaller.put(many(2000, 2001))
    assert disk_bytes(smaller) <= 1_000_000
    assert "key2000" in smaller.get(["key2000"])


def test_what_is_used_stays_and_what_is_not_gives_way(tmp_path):
    now = [1_000_000.0]
    cache = FeatureCache(tmp_path / "features.sqlite", 1, clock=lambda: now[0])
    cache.put(many(0, 80, width=128))
    now[0] += 86_400
    assert cache.get(["key3"])
    cache.put(many(100, 180, width=128))
    kept = cache.get([f"key{i}" for i in range(80)])
    assert "key3" in kept
    assert "key4" not in kept
    assert len(cache.get([f"key{i}" for i in range(100, 180)])) == 80


def test_a_limit_of_zero_keeps_nothing(tmp_path):
    cache = FeatureCache(tmp_path / "features.sqlite", 0)
    cache.put(many(0, 3))
    assert cache.get(many(0, 3)) == {}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE features SET value = zeroblob(length(value))",
        "UPDATE features SET value = substr(value, 1, 100)",
        "UPDATE features SET value = CAST('text' AS TEXT)",
        "UPDATE features SET value = (SELECT value FROM features WHERE key = 'key1')",
        "UPDATE features SET (value, checksum) = (SELECT value, checksum FROM features WHERE key = 'key1')",
        "UPDATE features SET rows = 26",
        "UPDATE features SET rows = 0",
        "UPDATE features SET checksum = checksum + 1",
    ],
)
def test_a_damaged_entry_is_dropped_and_the_others_stay(cache, caplog, damage):
    cache.put(many(0, 3))
    with sqlite3.connect(cache.path) as database:
        database.execute(f"{damage} WHERE key = 'key0'")
    database.close()
    assert cache.get(many(0, 3)).keys() == {"key1", "key2"}
    assert "1 damaged" in caplog.text
    cache.put(many(0, 1))
    assert_array_equal(cache.get(["key0"])["key0"], features(0))


def garbage(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to look at" * 100)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def scramble(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = np.random.default_rng(0).bytes(len(content) - 4096)
    path.write_bytes(content)


def other_table(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as database:
        database.executescript("CREATE TABLE features (something); PRAGMA user_version=1")
    database.close()


@pytest.mark.parametrize("damage", [garbage, truncate, scramble, other_table])
def test_a_damaged_file_is_begun_anew_with_a_warning(cache, caplog, damage):
    values = many(0, 300, width=64)
    cache.put(values)
    damage(cache.path)
    for key, value in cache.get(values).items():
        assert_array_equal(value, values[key])  # whatever is still found is right
    assert "damaged" in caplog.text
    cache.put(values)
    cache.put(values)
    found = cache.get(values)
    assert found.keys() == values.keys()
    assert_array_equal(found["key7"], values["key7"])


def test_single_bits_flipped_on_the_disk_never_give_wrong_numbers(cache):
    values = many(0, 100, width=64)
    cache.put(values)
    whole = cache.path.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(40):
        content = bytearray(whole)
        for place in random.integers(100, len(content), size=20):
            content[place] ^= 1 << random.integers(8)
        cache.path.write_bytes(content)
        for key, value in cache.get(values).items():
            assert_array_equal(value, values[key])


def test_a_file_of_another_version_is_emptied(cache):
    cache.put(many(0, 3))
    with sqlite3.connect(cache.path) as database:
        database.execute("PRAGMA user_version=99")
    database.close()
    assert cache.get(many(0, 3)) == {}
    cache.put(many(0, 3))
    assert len(cache.get(many(0, 3))) == 3


def test_a_process_that_comes_second_to_a_new_file_keeps_what_the_first_wrote(cache):
    cache.put(many(0, 3))
    with closing(sqlite3.connect(cache.path, isolation_level=None)) as second:
        _make_table(second)  # it saw version 0 before the first had written
    assert len(cache.get(many(0, 3))) == 3


def test_a_place_that_cannot_be_written_is_reported_and_stops_nothing(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    cache = FeatureCache(tmp_path / "file" / "features.sqlite", 10)
    cache.put(many(0, 3))
    assert cache.get(many(0, 3)) == {}
    cache.put(many(0, 3))
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "is not used" in caplog.text


WRITER = """
import sys
from pathlib import Path
import numpy as np
from esm2amp_core.embed.cache import FeatureCache

cache = FeatureCache(Path(sys.argv[1]), int(sys.argv[2]))
me, rounds = sys.argv[3], int(sys.argv[4])
for i in range(rounds):
    cache.put({f"{me}.{i}.{j}": np.full((13, 32), 1000 * i + j, dtype=np.float32) for j in range(10)})
    for key, value in cache.get(f"{who}.{i}.{j}" for who in "abcd" for j in range(10)).items():
        _, row, column = key.split(".")
        assert (value == 1000 * int(row) + int(column)).all(), key
    print(i, flush=True)
"""


def start_writer(path: Path, name: str, rounds: int) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), "100", name, str(rounds)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_several_processes_write_and_read_at_once(cache):
    writers = [start_writer(cache.path, name, 15) for name in "abcd"]
    outcomes = [writer.communicate(timeout=120) for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 4, outcomes
    assert [errors for _, errors in outcomes] == [""] * 4  # nobody was refused
    found = cache.get(f"{name}.{i}.{j}" for name in "abcd" for i in range(15) for j in range(10))
    assert len(found) == 600


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_writer_killed_at_work_leaves_the_cache_whole(cache, caplog):
    for n_rounds in (1, 3, 6, 10, 15):
        writer = start_writer(cache.path, "a", 1_000)
        lines = [writer.stdout.readline() for _ in range(n_rounds)]
        writer.kill()  # in the middle of the next round
        assert lines == [f"{i}\n" for i in range(n_rounds)], writer.stderr.read()
        writer.communicate()
        found = cache.get(f"a.{i}.{j}" for i in range(40) for j in range(10))
        assert len(found) >= 10 * n_rounds
        assert len(found) % 10 == 0  # a transaction is there or not
        for key, value in found.items():
            _, i, j = key.split(".")
            assert (value == 1000 * int(i) + int(j)).all()
    cache.put(many(0, 1))
    assert cache.get(["key0"])
    assert caplog.text == ""


def test_the_cache_loads_without_torch():
    code = "import sys, esm2amp_core.embed.cache; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
