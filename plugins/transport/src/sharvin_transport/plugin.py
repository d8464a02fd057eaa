"""Hamiltonians, transport solvers and the command of sharvin-transport, offered through the hooks."""

from __future__ import annotations

from sharvin.component import Command, Component
from sharvin.hooks import hookimpl

SHARVIN_API = 1


@hookimpl
def sharvin_hamiltonians() -> list[Component]:
    """Hamiltonians."""
    return [
        Component(
            name="arrays",
            target="sharvin_transport.external.arrays:Arrays",
            config="sharvin_transport.external.configs:ArraysOptions",
            summary="H and S that another program computed, from a documented HDF5 file",
            takes=("file",),
            gives="two_terminal",
        ),
        Component(
            name="gpaw",
            target="sharvin_transport.external.gpaw_lcao:GpawLcao",
            config="sharvin_transport.external.configs:GpawOptions",
            summary="density-functional theory in GPAW's atomic orbitals, at transverse Γ",
            needs=("gpaw",),
            extra="gpaw",
            gives="two_terminal",
        ),
        Component(
            name="siesta",
            target="sharvin_transport.external.siesta:Siesta",
            config="sharvin_transport.external.configs:SiestaOptions",
            summary="H and S of SIESTA: TSHS or HSX files of a device and its electrodes",
            needs=("sisl",),
            takes=("file",),
            gives="two_terminal",
        ),
        Component(
            name="slater_koster",
            target="sharvin_transport.slater_koster.hamiltonian:SlaterKoster",
            config="sharvin_transport.slater_koster.configs:SlaterKosterOptions",
            summary="non-orthogonal two-centre spd tables: PTBP (14 elements), NRL (Au, Cu) or your own",
            gives="two_terminal",
        ),
        Component(
            name="slater_koster_pz",
            target="sharvin_transport.pz.hamiltonian:SlaterKosterPz",
            config="sharvin_transport.pz.configs:SlaterKosterPzOptions",
            summary="p_z orbitals of graphene: layers, twisted bilayers, ribbons; also sparse, for large cells",
            gives="two_terminal",
        ),
        Component(
            name="square_lattice",
            target="sharvin_transport.lattice.square_lattice:SquareLattice",
            config="sharvin_transport.lattice.configs:SquareLatticeOptions",
            summary="disordered wires on the square lattice: disorder models I to IV, or on-site energies of your own",
            gives="grid_wire",
        ),
        Component(
            name="stored_blocks",
            target="sharvin_transport.external.stored_blocks:StoredBlocks",
            config="sharvin_transport.external.configs:StoredBlocksOptions",
            summary="H and S of given structures, from a file of blocks that another Hamiltonian learns from",
            gives="two_terminal",
        ),
    ]


@hookimpl
def sharvin_transport() -> list[Component]:
    """Transport solvers."""
    return [
        Component(
            name="grid_transfer",
            target="sharvin_transport.lattice.grid_transfer:GridTransfer",
            config="sharvin_transport.lattice.configs:GridTransferOptions",
            summary="restabilised transfer matrices for whole batches of square-lattice wires, with no broadening",
            takes=("grid_wire",),
        ),
        Component(
            name="dense",
            target="sharvin_transport.dense.dense_green:DenseGreen",
            config="sharvin_transport.dense.configs:DenseOptions",
            summary="one dense inverse, a plain reference for small systems",
            takes=("two_terminal", "grid_wire"),
        ),
        Component(
            name="kwant",
            target="sharvin_transport.external.kwant_solver:KwantTransport",
            config="sharvin_transport.external.configs:KwantOptions",
            summary="Kwant's scattering matrix from the modes of the leads, for comparison",
            needs=("kwant",),
            extra="kwant",
            takes=("two_terminal", "grid_wire"),
        ),
        Component(
            name="rgf",
            target="sharvin_transport.rgf.recursive_green:RecursiveGreen",
            config="sharvin_transport.rgf.configs:RecursiveGreenOptions",
            summary="block elimination between cached surface Green functions",
            takes=("two_terminal", "grid_wire"),
        ),
        Component(
            name="sisl",
            target="sharvin_transport.external.sisl_btd:SislTransport",
            config="sharvin_transport.external.configs:SislOptions",
            summary="sisl's self-energies and block-tridiagonal Green functions, for comparison",
            needs=("sisl", "sisl_toolbox"),
            takes=("two_terminal", "grid_wire"),
        ),
    ]


@hookimpl
def sharvin_regressors() -> list[Component]:
    """Regressors."""
    return [
        Component(
            name="learnt_shifts",
            target="sharvin_transport.learnt_shifts.regressor:LearntShifts",
            config="sharvin_transport.learnt_shifts.configs:LearntShiftsOptions",
            summary="spd Hamiltonian of a Slater-Koster table, its on-site shifts and hoppings learnt from conductances",
            takes=("graph",),
        ),
    ]


@hookimpl
def sharvin_commands() -> list[Command]:
    """T(E) without a study."""
    return [
        Command(
            name="transmission",
            target="sharvin_transport.transmission.options:transmission",
            summary="T(E) of a wire's structure file or of a file of H and S.",
        ),
    ]
