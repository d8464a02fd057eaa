"""A lead is held against the device's own layers and their coupling; what was written transposed is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.sparse import csr_array
from sharvin.devices.device_checks import check_device
from sharvin.devices.layer_checks import check_couplings
from sharvin.devices.two_terminal_file import read_two_terminal, write_two_terminal
from sharvin.errors import InputError
from sharvin.testing import systems
from sharvin.two_terminal import Lead, TwoTerminal

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


def check(system: TwoTerminal) -> None:
    """As a file of H and S is checked."""
    check_device(system)
    check_couplings(system)


def changed(system: TwoTerminal, side: str, **blocks: np.ndarray) -> TwoTerminal:
    return replace(system, **{side: replace(getattr(system, side), **blocks)})


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("complex_valued", [False, True])
def test_a_transposed_coupling_of_a_lead_is_refused(side: str, complex_valued: bool) -> None:
    system = bar(complex_valued=complex_valued)
    check(system)
    lead = getattr(system, side)
    for blocks, sentence in (
        ({"H01": lead.H01.T, "S01": S01.T}, f"H01 of the {side} lead is transposed"),
        ({"H01": lead.H01.T}, f"H01 of the {side} lead is transposed: it differs by 1 eV"),
        ({"S01": S01.T}, f"S01 of the {side} lead is transposed: it differs by 0.13 from"),
    ):
        with pytest.raises(InputError, match=sentence):
            check(changed(system, side, **blocks))
    if complex_valued:
        with pytest.raises(InputError, match=f"H01 of the {side} lead is transposed and complex conjugated"):
            check(changed(system, side, H01=lead.H01.conj().T))


def test_a_coupling_is_compared_though_the_device_is_only_nearly_the_lead_s() -> None:
    system = bar(layers=6)
    H = system.H.toarray()
    noise = RNG.normal(size=(8, 8)) * 0.01
    H[2:10, 2:10] += noise + noise.T
    system = replace(system, H=csr_array(H))
    check(system)
    with pytest.raises(InputError, match="is transposed"):
        check(changed(system, "left", H01=H01.T))


def test_a_transposed_coupling_is_seen_though_the_scatterer_begins_behind_one_layer() -> None:
    system = bar(layers=3, scatterer=1)
    check(system)
    for side in ("left", "right"):
        with pytest.raises(InputError, match=f"H01 of the {side} lead is transposed"):
            check(changed(system, side, H01=H01.T, S01=S01.T))


def test_a_coupling_that_is_missing_in_the_lead_is_refused() -> None:
    system = bar(layers=7, scatterer=3)
    for blocks, sentence in (
        (
            {"H01": 0 * H01},
            r"H01 of the left lead is zero, but the device's .* couple by up to 0\.9 eV",
        ),
        ({"S01": 0 * S01}, r"S01 of the left lead is zero, .* by up to 0\.11; give the lead that block"),
    ):
        with pytest.raises(InputError, match=sentence):
            check(changed(system, "left", **blocks))
    check(changed(system, "left", H01=2 * H01))  # what merely differs may be meant, as contacts of models are


def test_devices_that_change_behind_their_first_layer_pass() -> None:
    for scatterer in (1, 2):
        check(changed(bar(layers=4, scatterer=scatterer), "left", H01=2 * H01))
    chain = systems.chain(np.zeros(6))
    check(replace(chain, left=replace(chain.left, H01=np.array([[-3.0]]))))
    cut = chain.H.toarray()
    cut[0, 1] = cut[1, 0] = 0.0
    check(replace(chain, H=csr_array(cut)))


@pytest.mark.parametrize("gauge", [0.0, 1.1], ids=["real", "complex"])
def test_the_order_and_the_phases_of_orbitals_of_inner_layers_are_free(gauge: float) -> None:
    """Three sites per layer, each above two of the next: in another order the coupling is exactly its transpose."""
    H01 = -np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    lead = Lead(np.zeros((3, 3)), H01, np.eye(3), np.zeros((3, 3)))
    up = np.kron(np.eye(6, k=1), H01)
    order = np.concatenate([[0, 1, 2], *(3 * layer + np.array([2, 0, 1]) for layer in range(1, 5)), [15, 16, 17]])
    phase = np.exp(1j * gauge * np.where((order >= 3) & (order < 15), np.arange(18), 0))
    H = phase.conj()[:, None] * (up + up.T)[np.ix_(order, order)] * phase
    system = TwoTerminal(csr_array(H if gauge else H.real), csr_array(np.eye(18)), lead, lead)
    assert gauge or np.array_equal(system.H.toarray()[:3, 3:6], H01.T)
    check(system)


def test_the_phase_of_a_single_orbital_is_free() -> None:
    chain = systems.chain(np.zeros(6))
    H = chain.H.toarray() * np.exp(0.6j * np.sign(np.subtract.outer(np.arange(8), np.arange(8))))
    lead = replace(chain.left, H01=chain.left.H01 * np.exp(0.6j))
    check(replace(chain, H=csr_array(H), left=lead, right=lead))


def test_a_device_or_a_layer_that_was_transposed_as_a_whole_is_refused() -> None:
    system = bar(complex_valued=True)
    for wrong in (
        replace(system, H=csr_array(system.H.T)),
        changed(system, "left", H00=system.left.H00.T),
        changed(system, "left", H00=system.left.H00.T, H01=system.left.H01.T),
    ):
        with pytest.raises(InputError, match="outermost left principal layer of the device is its lead's H00 transposed"):
            check(wrong)
    whole = replace(system, H=csr_array(system.H.T))
    for side in ("left", "right"):
        lead = getattr(system, side)
        whole = changed(whole, side, H00=lead.H00.T, H01=lead.H01.T, S01=lead.S01.T)
    with pytest.raises(InputError, match="is transposed"):
        check(whole)


def test_a_file_that_a_column_major_program_wrote_is_refused(tmp_path: Path) -> None:
    write_two_terminal(tmp_path / "right.h5", [bar()])
    assert len(read_two_terminal(tmp_path / "right.h5")) == 1
    with h5py.File(tmp_path / "right.h5", "r+") as file:
        for name in ("H01", "S01"):
            file[f"devices/0/left/{name}"][:] = file[f"devices/0/left/{name}"][()].T
    with pytest.raises(InputError, match=r"device 0: H01 of the left lead is transposed"):
        read_two_terminal(tmp_path / "right.h5")
