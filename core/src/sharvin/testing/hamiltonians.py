"""Conformance of Hamiltonians: Hermitian, no preferred directions, bands that know no cell, clean bars that scatter nothing."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from ase import Atoms
from numpy.typing import NDArray
from scipy.linalg import eigh

from sharvin.junction import Junction
from sharvin.registry import create
from sharvin.testing.clean_bars import (
    PHASES,
    CleanBar,
    bands_of_crystal,
    bands_of_lead,
    channels,
    clean_bars,
    electrons_below,
    energies_with_channels,
)
from sharvin.testing.component import ComponentTests
from sharvin.testing.reference import reference_transmission
from sharvin.testing.systems import shuffled
from sharvin.two_terminal import BlochHamiltonian, Lead, TwoTerminal

Bar = tuple[CleanBar, TwoTerminal, BlochHamiltonian]
K_POINTS = np.array([[0.0, 0.0, 0.0], [0.1, 0.23, -0.31], [0.5, 0.0, 0.25]])


class HamiltonianTests(ComponentTests):
    """H and S from a structure. Subclasses give the fixtures `junction` and `crystal`.

    Attributes
    ----------
    tolerance_eV : float
        Largest difference of eigenvalues that should be equal.
    channel_tolerance : float
        Largest difference of the transmission of a clean bar from its number of channels.
    fermi_tolerance_eV : float
        How far the Fermi energy may lie from where the bands of the lead hold its electrons.
    """

    kind = "hamiltonians"
    tolerance_eV: ClassVar[float] = 1e-8
    channel_tolerance: ClassVar[float] = 1e-4
    fermi_tolerance_eV: ClassVar[float] = 0.05
    accepted: ClassVar[dict[str, tuple[float, float]]] = {
        "tolerance_eV": (0.0, 0.1),
        "channel_tolerance": (0.0, 0.05),
        "fermi_tolerance_eV": (0.0, 0.2),
    }

    @pytest.fixture
    def junction(self) -> Junction:
        """A small junction with principal layers thicker than the Hamiltonian's range."""
        raise NotImplementedError("give your subclass a fixture 'junction' that returns a small sharvin.Junction")

    @pytest.fixture
    def crystal(self) -> Atoms:
        """A crystal, periodic in all directions."""
        raise NotImplementedError("give your subclass a fixture 'crystal' that returns a small periodic ase.Atoms")

    @pytest.fixture
    def component(self, component_options: dict[str, Any]) -> Any:
        """The component, one for all tests of a class, because some take long to make a device."""
        return self.once("component", lambda: create(self.kind, self.name, **component_options))

    def device(self, component: Any, junction: Junction) -> TwoTerminal:
        """The device of `junction`, made once."""
        made: tuple[Any, TwoTerminal] = self.once(
            ("device", id(component)), lambda: (component, component.two_terminal(junction))
        )
        return made[1]

    def bars(self, component: Any, junction: Junction) -> list[Bar]:
        """The electrodes of `junction` as clean bars: their devices, and the crystals that they are cut from, made once."""

        def bars() -> tuple[Any, list[Bar]]:
            return component, [
                (bar, component.two_terminal(bar.junction), component.bloch(bar.crystal)) for bar in clean_bars(junction)
            ]

        made: tuple[Any, list[Bar]] = self.once(("bars", id(component)), bars)
        return made[1]

    def test_device_and_leads_are_physical(self, component: Any, junction: Junction) -> None:
        """H = H† and S = S† of the device and of the leads' principal layers; S is the Gram matrix of a basis."""
        device = self.device(component, junction)
        blocks = [device.H.toarray(), device.S.toarray()]
        blocks += [block for lead in (device.left, device.right) for block in (lead.H00, lead.S00)]
        for block in blocks:
            np.testing.assert_allclose(block, block.conj().T, atol=1e-12)
        assert np.linalg.eigvalsh(blocks[1]).min() > 0

    def test_outer_principal_layers_are_the_leads(self, component: Any, junction: Junction) -> None:
        """The first and last blocks of the device equal the bulk lead's, or the contact itself would scatter."""
        device = self.device(component, junction)
        for matrix, name in ((device.H.toarray(), "H00"), (device.S.toarray(), "S00")):
            left, right = getattr(device.left, name), getattr(device.right, name)
            np.testing.assert_allclose(matrix[: len(left), : len(left)], left, atol=1e-10)
            np.testing.assert_allclose(matrix[-len(right) :, -len(right) :], right, atol=1e-10)

    def test_energies_are_finite(self, component: Any, junction: Junction) -> None:
        """No nan in H or S; the Fermi energy lies within the spectrum of H."""
        device = self.device(component, junction)
        energies = _spectrum(device)
        assert np.all(np.isfinite(energies))
        assert energies.min() < device.fermi_energy_eV < energies.max()

    def test_the_lead_has_the_bands_of_its_crystal(self, component: Any, junction: Junction) -> None:
        """H00 + H01 e^{ik} + h.c. of a lead and H(k) of the crystal that repeats its layer, transverse images included, agree."""
        some = slice(None, None, 20)
        for bar, system, bloch in self.bars(component, junction):
            expected = bands_of_crystal(bloch)[some]
            for side, lead in (("left", system.left), ("right", system.right)):
                assert lead.size == expected.shape[1], (
                    f"the {side} lead has {lead.size} orbitals, the crystal of the {len(bar.crystal)} atoms of its principal "
                    f"layer {expected.shape[1]}"
                )
                found = _bands_or_fail(side, lead, PHASES[some])
                off = np.abs(found - expected).max()
                assert off <= self.tolerance_eV, (
                    f"the bands of the {side} lead differ by {off:.3g} eV from those of its crystal: H01, S01 or the images "
                    "across the transport direction are wrong"
                )

    def test_a_clean_bar_transmits_its_channels(self, component: Any, junction: Junction) -> None:
        """T is the number of bands of the crystal that cross the energy, an integer: nothing scatters between equal layers."""
        for _, system, bloch in self.bars(component, junction):
            bands = bands_of_crystal(bloch)
            energies = np.array(energies_with_channels(bands, system.fermi_energy_eV, 2))
            assert len(energies), "no band of the lead has channels within 10 eV of the Fermi energy"
            found = reference_transmission(system, energies - system.fermi_energy_eV, extrapolate=False)
            for energy, T in zip(energies, found, strict=True):
                expected = channels(bands, energy)
                assert abs(T - expected) <= self.channel_tolerance, (
                    f"a clean bar of three principal layers transmits {T:.6f} at {energy:.3f} eV, where the bands of its crystal "
                    f"have {expected} channels: the device is cut or scatters, or H01 does not couple a layer to the next one "
                    "in +z direction"
                )

    def test_the_fermi_energy_holds_the_valence_electrons(self, component: Any, junction: Junction) -> None:
        """The bands below it hold the electrons that the crystal states, at transverse Γ or over the whole zone of the crystal.

        A Hamiltonian that states no electrons (0 or nan) says nothing that could be wrong.
        """
        for bar, system, bloch in self.bars(component, junction):
            if not bloch.electrons > 0:
                continue
            window = system.fermi_energy_eV + self.fermi_tolerance_eV * np.array([-1, 0, 1])
            at_gamma = [electrons_below(bands_of_crystal(bloch), energy) for energy in window]
            if at_gamma[0] - 1e-6 <= bloch.electrons <= at_gamma[2] + 1e-6:
                continue
            fractions = [(np.arange(6) + 0.5) / 6 if periodic else [0.0] for periodic in bar.crystal.pbc[:2]]
            zone = [bands_of_crystal(bloch, (kx, ky)) for kx in fractions[0] for ky in fractions[1]]
            everywhere = [np.mean([electrons_below(bands, energy) for bands in zone]) for energy in window]
            assert everywhere[0] - 1e-6 <= bloch.electrons <= everywhere[2] + 1e-6, (
                f"the bands below the Fermi energy of {system.fermi_energy_eV:.3f} eV hold {at_gamma[1]:.2f} electrons at "
                f"transverse Γ and {everywhere[1]:.2f} in the whole zone, not the {bloch.electrons:g} that the crystal has"
            )

    def test_calls_leave_nothing_behind(self, component: Any, junction: Junction) -> None:
        """A device depends on its junction alone: not on another one that was asked for before, bit for bit."""
        device = self.device(component, junction)
        moved = junction.atoms.copy()
        moved.positions[len(moved) // 2] += [0.05, 0.02, 0.03]
        component.two_terminal(junction.with_positions(moved))
        again = component.two_terminal(junction)
        for name in ("H", "S"):
            off = np.abs(getattr(again, name).toarray() - getattr(device, name).toarray()).max()
            assert off == 0.0, f"{name} of a junction differs by {off:.1e} after the device of another one was made"
        assert again.fermi_energy_eV == device.fermi_energy_eV

    @pytest.mark.parametrize("change", ["turned", "moved", "in another order"])
    def test_only_the_geometry_counts(self, component: Any, junction: Junction, change: str) -> None:
        """Atoms have no numbers, space no origin, and a quarter turn about z turns the blocks: the spectrum stays."""
        other = {"turned": _quarter_turn, "moved": _moved, "in another order": shuffled}[change](junction)
        assert _spectrum(component.two_terminal(other)) == pytest.approx(
            _spectrum(self.device(component, junction)), abs=self.tolerance_eV
        )

    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_bands_do_not_depend_on_the_cell(self, component: Any, crystal: Atoms, axis: int) -> None:
        """A cell doubled along z folds the bands: ε(k_z) of the double cell are ε(k_z/2) and ε((k_z + 1)/2); x and y likewise."""
        repeats = np.array([1, 1, 1])
        repeats[axis] = 2
        single, double = component.bloch(crystal), component.bloch(crystal.repeat(repeats))
        assert double.electrons == pytest.approx(2 * single.electrons, nan_ok=True)
        for k in K_POINTS if axis == 2 else K_POINTS[1:2]:
            halves = [_bands(single, (k + fold * np.eye(3)[axis]) / repeats) for fold in (0, 1)]
            expected = np.sort(np.concatenate(halves))
            assert _bands(double, k) == pytest.approx(expected, abs=self.tolerance_eV)

    def test_bands_do_not_depend_on_the_origin(self, component: Any, crystal: Atoms) -> None:
        """Atoms moved together and wrapped back into the cell give the same crystal."""
        moved = crystal.copy()
        moved.translate([0.61, 1.3, -0.4])
        moved.wrap()
        for k in K_POINTS:
            expected = _bands(component.bloch(crystal), k)
            assert _bands(component.bloch(moved), k) == pytest.approx(expected, abs=self.tolerance_eV)

    def test_bands_are_real_and_symmetric_under_time_reversal(self, component: Any, crystal: Atoms) -> None:
        """H(k) is Hermitian, S(k) positive, and ε(−k) = ε(k) without a magnetic field."""
        bloch = component.bloch(crystal)
        for k in K_POINTS:
            H, S = bloch.at(k)
            np.testing.assert_allclose(H, H.conj().T, atol=1e-10)
            assert np.linalg.eigvalsh(S).min() > 0
            assert _bands(bloch, -k) == pytest.approx(_bands(bloch, k), abs=self.tolerance_eV)

    def test_atoms_beyond_the_range_do_not_couple(self, component: Any, crystal: Atoms) -> None:
        """Two atoms further apart than `range_A` give a block-diagonal H: their levels are those of one atom, twice."""
        reach = component.range_A(np.unique(crystal.numbers))
        assert reach > 0

        def levels(distances_A: list[float]) -> NDArray[np.float64]:
            atoms = Atoms(
                [crystal.symbols[0]] * len(distances_A),
                positions=[[0.0, 0.0, z] for z in distances_A],
                cell=np.full(3, 5 * reach),
                pbc=True,
            )
            return _bands(component.bloch(atoms), np.zeros(3))

        one, apart, close = levels([0.0]), levels([0.0, 1.01 * reach]), levels([0.0, 0.5 * reach])
        assert apart == pytest.approx(np.sort(np.tile(one, 2)), abs=self.tolerance_eV)
        assert np.abs(close - apart).max() > 1e-3


def _spectrum(system: TwoTerminal) -> NDArray[np.float64]:
    energies: NDArray[np.float64] = eigh(system.H.toarray(), system.S.toarray(), eigvals_only=True)
    return energies


def _bands_or_fail(side: str, lead: Lead, phases: NDArray[np.float64]) -> NDArray[np.float64]:
    try:
        return bands_of_lead(lead, phases)
    except np.linalg.LinAlgError:
        raise AssertionError(f"S00 + S01 e^(ik) + h.c. of the {side} lead is not positive definite: S01 is wrong") from None


def _bands(bloch: BlochHamiltonian, k: NDArray[np.float64]) -> NDArray[np.float64]:
    energies: NDArray[np.float64] = eigh(*bloch.at(k), eigvals_only=True)
    return energies


def _moved(junction: Junction) -> Junction:
    moved = junction.atoms.copy()
    moved.translate([0.37, -0.21, 0.55])
    return junction.with_positions(moved)


def _quarter_turn(junction: Junction) -> Junction:
    """The junction turned by 90° about z; x and y cell vectors exchange their places, so that a box stays a box."""
    atoms = junction.atoms
    rotation = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    turned: Atoms = atoms.copy()
    a, b, c = atoms.cell.array @ rotation
    turned.set_cell([-b, a, c])
    turned.positions = atoms.positions @ rotation
    turned.pbc = atoms.pbc[[1, 0, 2]]
    return Junction(turned, junction.left, junction.right, junction.left_period_A, junction.right_period_A)
