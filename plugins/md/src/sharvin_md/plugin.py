"""The parts of sharvin-md, offered through the public hooks."""

from __future__ import annotations

from sharvin.component import Component
from sharvin.hooks import hookimpl

SHARVIN_API = 1


@hookimpl
def sharvin_structures() -> list[Component]:
    """Starting structures."""
    return [
        Component(
            name="bilayer_graphene",
            target="sharvin_md.graphene.bilayer:BilayerGraphene",
            config="sharvin_md.graphene.configs:BilayerGrapheneOptions",
            summary="two layers of graphene, stacked, shifted or twisted, or one layer; a set of them, strained and displaced",
        ),
        Component(
            name="from_file",
            target="sharvin_md.from_file:FromFile",
            config="sharvin_md.configs:FromFileOptions",
            summary="a structure from any file that ASE reads, electrodes marked by layers",
        ),
        Component(
            name="graphene_ribbon",
            target="sharvin_md.graphene.ribbon:GrapheneRibbon",
            config="sharvin_md.graphene.configs:GrapheneRibbonOptions",
            summary="an armchair or zigzag ribbon of graphene between electrodes, of one or two layers",
        ),
        Component(
            name="nanowire",
            target="sharvin_md.nanowire:Nanowire",
            config="sharvin_md.configs:NanowireOptions",
            summary="an fcc or bcc neck between two crystalline electrodes",
        ),
        Component(
            name="reference_database",
            target="sharvin_md.reference_database.database:ReferenceDatabase",
            config="sharvin_md.reference_database.configs:ReferenceDatabaseOptions",
            summary="a set of crystals and slabs, strained and displaced, that a potential is trained on",
        ),
        Component(
            name="set_from_file",
            target="sharvin_md.from_file:SetFromFile",
            config="sharvin_md.configs:SetFromFileOptions",
            summary="the frames of any file that ASE reads, as a set that is trained on",
        ),
    ]


@hookimpl
def sharvin_potentials() -> list[Component]:
    """Energies and forces."""
    return [
        Component(
            name="ase",
            target="sharvin_md.ase_potential:AsePotential",
            config="sharvin_md.configs:AseOptions",
            summary="any ASE calculator, by its dotted path",
        ),
        Component(
            name="deepmd",
            target="sharvin_md.foreign.potentials:DeepmdPotential",
            config="sharvin_md.foreign.configs:DeepmdOptions",
            summary="a DeePMD-kit model file, here or in another Python environment",
        ),
        Component(
            name="eam",
            target="sharvin_md.eam:Eam",
            config="sharvin_md.configs:EamOptions",
            summary="embedded-atom potentials from a file, native in LAMMPS",
            needs=("lammps",),
        ),
        Component(
            name="layered_carbon",
            target="sharvin_md.graphene.layered_carbon:LayeredCarbon",
            config="sharvin_md.graphene.configs:LayeredCarbonOptions",
            summary="bonds within layers of carbon and a registry-dependent potential between them, native in LAMMPS",
            needs=("lammps",),
        ),
        Component(
            name="mace",
            target="sharvin_md.foreign.potentials:MacePotential",
            config="sharvin_md.foreign.configs:MaceOptions",
            summary="a MACE model file, here or in another Python environment",
        ),
        Component(
            name="meam",
            target="sharvin_md.meam:Meam",
            config="sharvin_md.configs:MeamOptions",
            summary="modified embedded-atom potentials from a library file, native in LAMMPS",
            needs=("lammps",),
        ),
        Component(
            name="metatomic",
            target="sharvin_md.foreign.potentials:MetatomicPotential",
            config="sharvin_md.foreign.configs:MetatomicOptions",
            summary="a metatomic model file, here or in another Python environment",
        ),
        Component(
            name="nequip",
            target="sharvin_md.foreign.potentials:NequipPotential",
            config="sharvin_md.foreign.configs:NequipOptions",
            summary="a NequIP or Allegro model file, here or in another Python environment",
        ),
        Component(
            name="second_moment",
            target="sharvin_md.second_moment:SecondMoment",
            config="sharvin_md.configs:SecondMomentOptions",
            summary="tight-binding second-moment potential of Ag, Au, K or your own, native in LAMMPS",
            needs=("lammps",),
        ),
    ]


@hookimpl
def sharvin_dynamics() -> list[Component]:
    """What moves atoms."""
    return [
        Component(
            name="lammps_nvt",
            target="sharvin_md.lammps_nvt:LammpsNvt",
            config="sharvin_md.configs:LammpsNvtOptions",
            summary="molecular dynamics at constant temperature",
            needs=("lammps",),
        ),
        Component(
            name="lammps_pull",
            target="sharvin_md.lammps_pull:LammpsPull",
            config="sharvin_md.configs:LammpsPullOptions",
            summary="a wire pulled at constant speed until it breaks",
            needs=("lammps",),
        ),
        Component(
            name="lammps_relax",
            target="sharvin_md.lammps_relax:LammpsRelax",
            config="sharvin_md.configs:LammpsRelaxOptions",
            summary="the nearest minimum of the potential energy",
            needs=("lammps",),
        ),
        Component(
            name="thermal_displacements",
            target="sharvin_md.vibrations.thermal_displacements:ThermalDisplacements",
            config="sharvin_md.vibrations.configs:ThermalDisplacementsOptions",
            summary="structures drawn from the quantum or classical harmonic vibrations about rest",
        ),
    ]
