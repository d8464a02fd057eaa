"""A lead is held against the device's own layers and their coupling; what was written transposed is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.sparse import csr_array
from sharvin.device_checks import check_device
from sharvin.errors import InputError
from sharvin.testing import systems
from sharvin.two_terminal import Lead, TwoTerminal
from sharvin.two_terminal_file import read_two_terminal, write_two_terminal

RNG = np.random.default_rng(5)
H00 = np.array([[0.1, -0.6], [-0.6, -0.2]])
H01 = np.array([[-0.3, 0.9], [-0.1, -0.4]])
S01 = np.array([[0.05, 0.11], [-0.02, 0.04]])


def bar(layers: int = 5, complex_valued: bool = False, scatterer: int | None = 2) -> TwoTerminal:
    """A wire of a lead with two orbitals per layer, one layer of it disturbed."""
    phase = np.exp(1j * np.array([[0.0, 0.7], [-0.7, 0.0]])) if complex_valued else 1.0
    lead = Lead(H00 * phase, H01 * (np.exp(0.4j) if complex_valued else 1.0), np.eye(2), S01)
    one, up = np.eye(layers), np.eye(layers, k=1)
    H = np.kron(one, lead.H00) + np.kron(up, lead.H01) + np.kron(up.T, lead.H01.conj().T)
    S = np.kron(one, lead.S00) + np.kron(up, lead.S01) + np.kron(up.T, lead.S01.T)
    if scatterer is not None:
        H[2 * scatterer : 2 * scatterer + 2, 2 * scatterer : 2 * scatterer + 2] += np.array([[0.7, 0.1], [0.1, -0.3]])
    return TwoTerminal(csr_array(H), csr_array(S), lead, lead)


def changed(system: TwoTerminal, side: str, **blocks: np.ndarray) -> TwoTerminal:
    return replace(system, **{side: replace(getattr(system, side), **blocks)})


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("complex_valued", [False, True])
def test_a_transposed_coupling_of_a_lead_is_refused(side: str, complex_valued: bool) -> None:
    system = bar(complex_valued=complex_valued)
    check_device(system)
    lead = getattr(system, side)
    for blocks, sentence in (
        ({"H01": lead.H01.T, "S01": S01.T}, f"H01 of the {side} lead is transposed"),
        ({"H01": lead.H01.T}, f"H01 of the {side} lead is transposed: it differs by 1 eV"),
        ({"S01": S01.T}, f"S01 of the {side} lead is transposed: it differs by 0.13 from"),
    ):
        with pytest.raises(InputError, match=sentence):
            check_device(changed(system, side, **blocks))
    if complex_valued:
        with pytest.raises(InputError, match=f"H01 of the {side} lead is transposed and complex conjugated"):
            check_device(changed(system, side, H01=lead.H01.conj().T))


def test_a_coupling_is_compared_though_the_device_is_only_nearly_the_lead_s() -> None:
    system = bar(layers=6)
    H = system.H.toarray()
    noise = RNG.normal(size=(8, 8)) * 0.01
    H[2:10, 2:10] += noise + noise.T
    system = replace(system, H=csr_array(H))
    check_device(system)
    with pytest.raises(InputError, match="is transposed"):
        check_device(changed(system, "left", H01=H01.T))


def test_a_lead_of_another_crystal_is_refused_where_the_device_repeats_its_own() -> None:
    system = bar(layers=7, scatterer=3)
    for blocks, sentence in (
        ({"H01": 2 * H01}, r"H01 of the left lead differs by 0\.9 eV from the coupling of the device's three outermost left"),
        ({"H01": 0 * H01}, r"H01 of the left lead differs by 0\.9 eV"),
        ({"S01": 0 * S01}, r"S01 of the left lead differs by 0\.11 from"),
    ):
        with pytest.raises(InputError, match=sentence):
            check_device(changed(system, "left", **blocks))
    check_device(changed(bar(layers=7, scatterer=2), "left", H01=2 * H01))  # two layers do not show what repeats


def test_devices_that_change_behind_their_first_layer_pass() -> None:
    for scatterer in (1, 2):
        check_device(changed(bar(layers=4, scatterer=scatterer), "left", H01=2 * H01))
    chain = systems.chain(np.zeros(6))
    check_device(replace(chain, left=replace(chain.left, H01=np.array([[-3.0]]))))
    cut = chain.H.toarray()
    cut[0, 1] = cut[1, 0] = 0.0
    check_device(replace(chain, H=csr_array(cut)))


def test_a_device_or_a_layer_that_was_transposed_as_a_whole_is_refused() -> None:
    system = bar(complex_valued=True)
    for wrong in (
        replace(system, H=csr_array(system.H.T)),
        changed(system, "left", H00=system.left.H00.T),
        changed(system, "left", H00=system.left.H00.T, H01=system.left.H01.T),
    ):
        with pytest.raises(InputError, match="outermost left principal layer of the device is its lead's H00 transposed"):
            check_device(wrong)
    whole = replace(system, H=csr_array(system.H.T))
    for side in ("left", "right"):
        lead = getattr(system, side)
        whole = changed(whole, side, H00=lead.H00.T, H01=lead.H01.T, S01=lead.S01.T)
    with pytest.raises(InputError, match="is transposed"):
        check_device(whole)


def test_a_file_that_a_column_major_program_wrote_is_refused(tmp_path: Path) -> None:
    write_two_terminal(tmp_path / "right.h5", [bar()])
    assert len(read_two_terminal(tmp_path / "right.h5")) == 1
    with h5py.File(tmp_path / "right.h5", "r+") as file:
        for name in ("H01", "S01"):
            file[f"devices/0/left/{name}"][:] = file[f"devices/0/left/{name}"][()].T
    with pytest.raises(InputError, match=r"device 0: H01 of the left lead is transposed"):
        read_two_terminal(tmp_path / "right.h5")
