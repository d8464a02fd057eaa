"""Input that is no device gets one sentence that says what is wrong, where, and by how much."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from sharvin.devices.device_checks import CHECKED_ORBITALS, check_device
from sharvin.errors import InputError
from sharvin.grid_wire import GridWire
from sharvin.testing import systems
from sharvin.two_terminal import Lead, TwoTerminal


def spoiled(
    system: TwoTerminal, *, H: dict[tuple[int, int], complex] | None = None, S: dict[tuple[int, int], float] | None = None
):
    """The system with other elements, and two orbitals on each atom."""
    matrices = []
    for matrix, changes in ((system.H, H or {}), (system.S, S or {})):
        dense = matrix.toarray().astype(np.result_type(matrix, *changes.values()) if changes else matrix.dtype)
        for place, value in changes.items():
            dense[place] = value
        matrices.append(csr_array(dense))
    return TwoTerminal(*matrices, system.left, system.right, atom=np.arange(system.size) // 2)


def large() -> TwoTerminal:
    return systems.chain(np.zeros(CHECKED_ORBITALS + 5), overlap=0.1)


@pytest.mark.parametrize("make", [lambda: systems.chain(np.zeros(8)), large], ids=["small", "large"])
def test_a_hamiltonian_that_is_not_hermitian_is_refused_with_its_worst_element(make) -> None:
    with pytest.raises(InputError, match=r"device's H is not Hermitian: element \(3, 4\) differs .* of \(4, 3\) by 0\.25 eV"):
        check_device(spoiled(make(), H={(4, 3): -1.25}))
    with pytest.raises(InputError, match=r"\(2, 7\) .* by 0\.4 eV \(orbitals of atoms 1 and 3\)"):
        check_device(spoiled(make(), H={(7, 2): 0.4, (3, 4): -1.2}))
    with pytest.raises(InputError, match=r"\(5, 5\) .* by 0\.2 eV \(orbitals of atom 2\)"):
        check_device(spoiled(make(), H={(5, 5): 0.1j}))
    with pytest.raises(InputError, match=r"device's S is not Hermitian: element \(3, 4\) differs .* by 0\.05"):
        check_device(spoiled(make(), S={(3, 4): make().S[4, 3] + 0.05}))
    with pytest.raises(InputError, match="device's H has elements that are not finite"):
        check_device(spoiled(make(), H={(3, 3): np.nan}))


def test_a_lead_that_is_not_hermitian_is_refused() -> None:
    wire = GridWire(np.zeros((3, 2))).two_terminal()
    H00 = wire.left.H00.copy()
    H00[0, 1] = 0.3
    lead = Lead(H00, wire.left.H01, wire.left.S00, wire.left.S01)
    with pytest.raises(InputError, match=r"H00 of the right lead is not Hermitian: element \(0, 1\)"):
        TwoTerminal(wire.H, wire.S, wire.left, lead)


@pytest.mark.parametrize("make", [lambda: systems.chain(np.zeros(8), overlap=0.1), large], ids=["small", "large"])
def test_an_overlap_that_is_not_positive_definite_names_the_pair_of_atoms(make) -> None:
    with pytest.raises(InputError, match=r"not positive definite: its lowest eigenvalue is -0\.\d+, mostly by atoms 2 and 3"):
        check_device(spoiled(make(), S={(5, 6): 1.2, (6, 5): 1.2}))


def test_three_orbitals_that_overlap_too_much_together_are_refused_though_no_pair_is() -> None:
    system = systems.chain(np.zeros(6), overlap=0.1)
    S = system.S.toarray()
    for i, j in ((3, 4), (4, 5), (3, 5)):
        S[i, j] = S[j, i] = -0.6
    with pytest.raises(InputError, match=r"not positive definite: .* mostly by orbitals"):
        TwoTerminal(system.H, csr_array(S), system.left, system.right)


def test_what_is_in_order_passes() -> None:
    check_device(systems.chain(np.zeros(8), overlap=0.3))
    check_device(large())
    check_device(systems.square_lattice_wire(np.zeros((3, 2)), hopping_eV=-np.exp(0.4j)))
    check_device(GridWire(np.zeros((40, 40))).two_terminal())


def test_every_orbital_needs_its_atom() -> None:
    system = systems.chain(np.zeros(3))
    with pytest.raises(InputError, match="number of an atom for each"):
        TwoTerminal(system.H, system.S, system.left, system.right, atom=np.arange(4))
    turned = spoiled(system).reversed()
    np.testing.assert_array_equal(turned.atom, [2, 1, 1, 0, 0])
