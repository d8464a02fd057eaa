"""Compiled functions work where nothing can be kept on disk, which is said once."""

import numba
import pytest
from sharvin.runs import compiled


@pytest.fixture(autouse=True)
def silent_before():
    compiled._say_that_code_is_not_kept.cache_clear()
    yield
    compiled._say_that_code_is_not_kept.cache_clear()


def half(x):
    return x / 2


def test_functions_compile_without_a_place_for_them(monkeypatch, capsys):
    def no_place(*_):
        raise RuntimeError("cannot cache function 'half': no locator available for file 'wire.py'")

    monkeypatch.setattr(numba.core.dispatcher.Dispatcher, "enable_caching", no_place)
    assert [compiled.njit(nogil=True)(half)(3.0), compiled.njit()(half)(5.0)] == [1.5, 2.5]
    assert capsys.readouterr().err.count("set NUMBA_CACHE_DIR to a folder that can be written") == 1


def test_other_errors_are_not_swallowed(monkeypatch):
    def broken(*_):
        raise RuntimeError("something else")

    monkeypatch.setattr(numba.core.dispatcher.Dispatcher, "enable_caching", broken)
    with pytest.raises(RuntimeError, match="something else"):
        compiled.njit()(half)


def test_a_run_says_it_before_it_starts(monkeypatch, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "numba"))
    compiled.announce()
    compiled.announce()
    assert capsys.readouterr().err.count("Each process compiles them anew") == 1
    compiled._say_that_code_is_not_kept.cache_clear()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    compiled.announce()
    assert capsys.readouterr().err == ""
